//! No two files of a crate import each other, directly or around others: each can be read after those it stands on. Read off the
//! sources: `use` declarations and paths, followed through re-exports to the file that has the item. A `mod.rs` that only declares and
//! re-exports its children imports nothing, one whose macro makes a list of them needs them all; tests may import what they like.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A path of modules and what is in the last.
type Names = Vec<String>;

/// One file as the compiler sees it without tests.
#[derive(Default)]
struct File {
    path: PathBuf,
    children: BTreeSet<String>,
    /// Those of them that no `mod` names: a macro declares them from a list, which is in this file too.
    listed: BTreeSet<String>,
    /// Every module that a `mod` names, also of tests.
    named: BTreeSet<String>,
    /// Imported names and what they stand for.
    imports: BTreeMap<String, Names>,
    globs: Vec<Names>,
    /// Names that are imported for others, and mentioned here too or not.
    passed_on: BTreeSet<String>,
    /// Paths in its code, imports included.
    paths: Vec<Names>,
    /// All words of its code, imports left out.
    words: BTreeSet<String>,
    defined: BTreeSet<String>,
}

/// The files of a crate by their modules.
struct Crate(BTreeMap<Names, File>);

impl Crate {
    fn read(root: &Path) -> Self {
        let mut found = Self(BTreeMap::new());
        let main = ["lib.rs", "main.rs"].map(|name| root.join(name)).into_iter().find(|path| path.is_file()).unwrap();
        found.add(Vec::new(), &main, root, root);
        found
    }

    fn add(&mut self, module: Names, path: &Path, folder: &Path, root: &Path) {
        let mut file = File::read(path);
        file.listed = modules(folder).difference(&file.named).cloned().collect();
        file.children.extend(file.listed.iter().cloned());
        file.path = path.strip_prefix(root).unwrap_or(path).to_owned();
        for child in file.children.clone() {
            let (flat, deep) = (folder.join(format!("{child}.rs")), folder.join(&child).join("mod.rs"));
            let own = [module.clone(), vec![child.clone()]].concat();
            match flat.is_file() {
                true => self.add(own, &flat, &folder.join(&child), root),
                false => self.add(own, &deep, &folder.join(&child), root),
            }
        }
        self.0.insert(module, file);
    }

    /// The module whose file has what a path in `module` means; none for a module itself and for other crates.
    fn home(&self, module: &[String], path: &[String], depth: usize) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let here = &self.0[module];
        match first.as_str() {
            _ if depth > 20 => None,
            "crate" => self.inside(Vec::new(), rest, depth),
            "self" => self.inside(module.to_vec(), rest, depth),
            "super" => self.inside(module[..module.len().checked_sub(1)?].to_vec(), rest, depth),
            child if here.children.contains(child) => self.inside([module, &[child.to_owned()]].concat(), rest, depth),
            name => self.home(module, &[&here.imports.get(name)?[..], rest].concat(), depth + 1),
        }
    }

    fn inside(&self, module: Names, path: &[String], depth: usize) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let file = &self.0[&module];
        if first == "super" {
            return self.inside(module[..module.len().checked_sub(1)?].to_vec(), rest, depth);
        }
        if file.children.contains(first) {
            let child = [&module[..], std::slice::from_ref(first)].concat();
            // A path may end at a function that has a module's name.
            return if rest.is_empty() && file.imports.contains_key(first) {
                self.home(&module, &file.imports[first], depth + 1)
            } else {
                self.inside(child, rest, depth)
            };
        }
        if let Some(meant) = file.imports.get(first) {
            return self.home(&module, &[&meant[..], rest].concat(), depth + 1);
        }
        if !file.defined.contains(first) {
            let child = |name: &String| [&module[..], std::slice::from_ref(name)].concat();
            if let Some(home) = file.listed.iter().map(child).find(|child| self.0[child].defined.contains(first)) {
                return Some(home);
            }
            for glob in &file.globs {
                let meant = [&glob[..], path].concat();
                if let Some(home) = self.home(&module, &meant, depth + 1).filter(|m| self.0[m].defined.contains(first))
                {
                    return Some(home);
                }
            }
        }
        Some(module)
    }

    /// For each file those that it needs.
    fn needs(&self) -> BTreeMap<&Names, BTreeSet<Names>> {
        let of = |(module, file): (_, &File)| {
            let module: &Names = module;
            let passed_on =
                file.passed_on.iter().filter(|name| file.words.contains(*name)).map(|name| vec![name.clone()]);
            let paths = file.paths.iter().cloned().chain(passed_on);
            let named = paths.filter_map(|path| self.home(module, &path, 0));
            let of_glob = |glob: &Names| {
                let meant = |word: &String| self.home(module, &[&glob[..], std::slice::from_ref(word)].concat(), 0);
                let there = |word: &String| meant(word).filter(|home| self.0[home].defined.contains(word));
                file.words.iter().filter_map(there).collect::<Vec<_>>()
            };
            let listed = file.listed.iter().map(|name| [&module[..], std::slice::from_ref(name)].concat());
            let homes = named.chain(listed).chain(file.globs.iter().flat_map(of_glob)).filter(|home| home != module);
            (module, homes.collect())
        };
        self.0.iter().map(of).collect()
    }

    /// Files that need themselves around others, each group once, and what in it needs what.
    fn circles(&self) -> Vec<String> {
        let needs = self.needs();
        let reach = |from: &Names| {
            let (mut seen, mut ahead) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = ahead.pop() {
                ahead.extend(needs[&module].iter().filter(|next| seen.insert((*next).clone())).cloned());
            }
            seen
        };
        let reached: BTreeMap<&Names, BTreeSet<Names>> = needs.keys().map(|module| (*module, reach(module))).collect();
        let group = |module: &&Names| -> Option<BTreeSet<Names>> {
            let own = &reached[*module];
            own.contains(*module)
                .then(|| own.iter().filter(|other| reached[*other].contains(*module)).cloned().collect())
        };
        let groups: BTreeSet<BTreeSet<Names>> = needs.keys().filter_map(group).collect();
        let arrows = |group: &BTreeSet<Names>| {
            let name = |module: &Names| self.0[module].path.display();
            let arrow = |a: &Names, b: &Names| format!("{} → {}", name(a), name(b));
            let inner = |a| needs[a].iter().filter(|b| group.contains(*b)).map(move |b| arrow(a, b));
            group.iter().flat_map(inner).collect::<Vec<_>>().join("\n  ")
        };
        groups.iter().map(|group| format!("{} files:\n  {}", group.len(), arrows(group))).collect()
    }
}

impl File {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let tokens = tokens(&text);
        let modules = tokens.windows(3).filter(|t| t[0] == "mod" && t[2] == ";").map(|t| t[1].clone()).collect();
        Self { named: modules, ..Self::of(&without_tests(tokens)) }
    }

    fn of(tokens: &[String]) -> Self {
        let mut file = Self::default();
        let at = |i: usize| tokens.get(i).map_or("", String::as_str);
        let mut i = 0;
        while i < tokens.len() {
            match at(i) {
                "use" => {
                    let public = i > 0 && matches!(at(i - 1), "pub" | ")");
                    let end = (i..tokens.len()).find(|j| at(*j) == ";").unwrap_or(tokens.len());
                    file.import(&tokens[i + 1..end], public);
                    i = end;
                }
                "mod" if at(i + 2) == ";" => {
                    file.children.insert(at(i + 1).to_owned());
                    i += 2;
                }
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" => {
                    file.defined.insert(at(i + 1).to_owned());
                }
                word if is_word(word) => {
                    file.words.insert(word.to_owned());
                    if at(i + 1) == "::" && (i == 0 || at(i - 1) != "::") {
                        let mut path = vec![word.to_owned()];
                        while at(i + 1) == "::" && is_word(at(i + 2)) {
                            path.push(at(i + 2).to_owned());
                            file.words.insert(at(i + 2).to_owned());
                            i += 2;
                        }
                        file.paths.push(path);
                    }
                }
                _ => {}
            }
            i += 1;
        }
        file
    }

    fn import(&mut self, tree: &[String], public: bool) {
        // `::name` is another crate's, also where a child has that name.
        if tree.first().is_some_and(|first| first == "::") {
            return;
        }
        for (path, name) in leaves(&[], tree) {
            match (name.as_str(), public) {
                ("*", _) => self.globs.push(path),
                (_, true) => {
                    self.imports.insert(name.clone(), path);
                    self.passed_on.insert(name);
                }
                (_, false) => {
                    self.imports.insert(name, path.clone());
                    self.paths.push(path);
                }
            }
        }
    }
}

/// The modules whose files lie in a folder.
fn modules(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let name = |path: PathBuf| {
        let there = path.extension().is_some_and(|end| end == "rs") || path.join("mod.rs").is_file();
        let stem = path.file_stem()?.to_str()?.to_owned();
        (there && !["mod", "lib", "main"].contains(&stem.as_str())).then_some(stem)
    };
    entries.filter_map(name).collect()
}

/// The paths of a `use` tree and the name of each.
fn leaves(before: &[String], tree: &[String]) -> Vec<(Names, String)> {
    let mut path = before.to_vec();
    let mut rest = tree;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "{" => {
                let (mut all, mut depth, mut from) = (Vec::new(), 0, 0);
                for (i, token) in after.iter().enumerate() {
                    match token.as_str() {
                        "{" => depth += 1,
                        "}" if depth > 0 => depth -= 1,
                        "," | "}" if depth == 0 => {
                            all.extend(leaves(&path, &after[from..i]));
                            from = i + 1;
                        }
                        _ => {}
                    }
                }
                return all;
            }
            "*" => return vec![(path, "*".to_owned())],
            "as" => return vec![(path, after.first().cloned().unwrap_or_default())],
            "::" => {}
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        rest = after;
    }
    let name = path.last().cloned();
    name.map(|name| (path, name)).into_iter().collect()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::` and single characters, without comments, strings and characters in quotes.
fn tokens(text: &str) -> Vec<String> {
    let c: Vec<char> = text.chars().collect();
    let (mut all, mut i) = (Vec::new(), 0);
    let at = |i: usize| c.get(i).copied().unwrap_or('\0');
    while i < c.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => i += c[i..].iter().take_while(|x| **x != '\n').count(),
            '/' if at(i + 1) == '*' => {
                i += 2;
                while i < c.len() && !(at(i) == '*' && at(i + 1) == '/') {
                    i += 1;
                }
                i += 2;
            }
            'r' if at(i + 1) == '"' || (at(i + 1) == '#' && matches!(at(i + 2), '#' | '"')) => {
                let hashes = c[i + 1..].iter().take_while(|x| **x == '#').count();
                i += 2 + hashes;
                while i < c.len() && !(at(i) == '"' && (1..=hashes).all(|k| at(i + k) == '#')) {
                    i += 1;
                }
                i += 1 + hashes;
            }
            '"' => {
                i += 1;
                while i < c.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < c.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            x if x.is_alphanumeric() || x == '_' => {
                i += c[i..].iter().take_while(|x| x.is_alphanumeric() || **x == '_').count();
                all.push(c[start..i].iter().collect());
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                all.push("::".to_owned());
            }
            x => {
                i += 1;
                if !x.is_whitespace() {
                    all.push(x.to_string());
                }
            }
        }
    }
    all
}

/// Leaves out what stands behind `#[cfg(test)]`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let (mut all, mut i) = (Vec::new(), 0);
    let at = |i: usize| tokens.get(i).map_or("", String::as_str);
    while i < tokens.len() {
        if at(i) == "#" && at(i + 1) == "[" && at(i + 2) == "cfg" {
            let end = (i..tokens.len()).find(|j| at(*j) == "]").unwrap_or(tokens.len());
            let says = |word: &str| tokens[i..end].iter().any(|token| token == word);
            if says("test") && !says("not") {
                let mut depth = 0;
                i = end + 1;
                while i < tokens.len() {
                    match at(i) {
                        "{" | "(" | "[" => depth += 1,
                        "}" | ")" | "]" => depth -= 1,
                        _ => {}
                    }
                    i += 1;
                    if depth == 0 && matches!(at(i - 1), ";" | "}") {
                        break;
                    }
                }
                continue;
            }
        }
        all.push(tokens[i].clone());
        i += 1;
    }
    all
}

#[test]
fn no_files_import_each_other() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = String::new();
    for name in ["kd2m-ot", "kd2m-pickle", "kd2m-nn", "kd2m-data", "kd2m-loss", "kd2m", "kd2m-cli"] {
        let found = Crate::read(&crates.join(name).join("src"));
        assert!(found.0.len() > 5, "{name}: only {} files were found", found.0.len());
        all.extend(found.circles().into_iter().map(|circle| format!("{name}, a circle of {circle}\n")));
    }
    assert!(all.is_empty(), "{all}");
}

#[test]
fn circles_are_found_through_re_exports_and_paths_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let circles = |files: &[(&str, &str)]| {
        let _ = fs::remove_dir_all(folder.path());
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Crate::read(folder.path()).circles().len()
    };
    let lib = ("lib.rs", "mod a; mod b; pub use a::A; pub use b::{B, c::C};");
    let c = ("b/c.rs", "pub struct C;");
    // A facade is no circle, nor are tests, comments and strings.
    let a = "pub struct A; // crate::B\n #[cfg(test)] mod tests { use crate::B; } const X: &str = \"crate::B\";";
    let b = ("b/mod.rs", "pub mod c; use crate::A; pub struct B(A);");
    assert_eq!(circles(&[lib, ("a.rs", a), b, c]), 0);
    // Through a re-export, by a path, by a glob, by an alias, in a tree.
    for a in [
        "use crate::B; pub struct A;",
        "pub struct A; fn f() { crate::b::B::new() }",
        "use crate::b::*; pub struct A(B);",
        "use crate::b; pub struct A(b::B);",
        "use crate::{b::{self as other, c::C}}; pub struct A(other::B);",
    ] {
        assert_eq!(circles(&[lib, ("a.rs", a), b, c]), 1, "{a}");
    }
    // A child that stands on its parent, which stands on it.
    assert_eq!(circles(&[lib, ("a.rs", "pub struct A;"), b, ("b/c.rs", "use super::B; pub struct C(B);")]), 0);
    let b = ("b/mod.rs", "pub mod c; pub use c::C; pub struct B(C);");
    assert_eq!(circles(&[lib, ("a.rs", "pub struct A;"), b, ("b/c.rs", "use super::B; pub struct C(B);")]), 1);
    // Children that a macro declares are read; the macro's file needs them, and names that it re-exports are theirs.
    let list = "macro_rules! list { ($($file:ident),*) => { $(mod $file; pub use $file::*;)* }; } list! { c }";
    let (a, b) = (("a.rs", "pub struct A;"), ("b/mod.rs", list));
    assert_eq!(circles(&[lib, a, b, ("b/c.rs", "use crate::A; pub struct C(A);")]), 0);
    assert_eq!(
        circles(&[lib, a, b, ("b/c.rs", "pub struct B; pub struct C;"), ("a.rs", "use crate::b::B; pub struct A(B);")]),
        0
    );
    let list = list.replace("list! { c }", "list! { c } pub struct L;");
    assert_eq!(circles(&[lib, a, ("b/mod.rs", &list), ("b/c.rs", "use super::L; pub struct B; pub struct C;")]), 1);
}
