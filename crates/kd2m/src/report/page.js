// A click on a name in a legend shows that arm alone in every chart, another click all again.
let picked = null;
for (const button of document.querySelectorAll("button.pick")) {
  button.onclick = () => {
    picked = picked === button.dataset.arm ? null : button.dataset.arm;
    for (const one of document.querySelectorAll("[data-arm]")) one.classList.toggle("dim", picked !== null && one.dataset.arm !== picked);
  };
}
// A link into a folded part opens it; on paper all parts are open.
const open = () => { const part = location.hash.length > 1 && document.getElementById(location.hash.slice(1)); if (part && part.tagName === "DETAILS") part.open = true; };
addEventListener("hashchange", open);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => { part.open = true; }));
open();
