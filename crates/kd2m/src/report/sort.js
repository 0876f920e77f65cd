// A click (or Enter) on a column's head sorts its table: numbers by value, a dash last.
for (const th of document.querySelectorAll("thead th")) {
  const sort = () => {
    const body = th.closest("table").tBodies[0], at = [...th.parentNode.children].indexOf(th);
    // Numbers begin with the largest, names with the first.
    const before = th.getAttribute("aria-sort");
    const numbers = [...body.rows].some(row => !isNaN(parseFloat(row.cells[at].textContent.replace("−", "-").replace("< ", ""))));
    const down = before ? before !== "descending" : numbers;
    for (const other of th.parentNode.children) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => {
      const text = row.cells[at].textContent.trim(), number = parseFloat(text.replace("−", "-").replace("< ", ""));
      return text === "–" || text === "" ? null : isNaN(number) ? text : number;
    };
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      const rise = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return down ? -rise : rise;
    };
    [...body.rows].sort(order).forEach(row => body.append(row));
  };
  th.tabIndex = 0;
  th.onclick = sort;
  th.onkeydown = event => { if (event.key === "Enter") sort(); };
}
