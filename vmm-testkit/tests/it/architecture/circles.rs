//! Finds files of one crate that use each other in a circle, from the names that stand in their code.

use std::collections::{BTreeMap, BTreeSet};

/// The number of re-exports that a name is followed through.
const DEEPEST: usize = 16;
/// Words behind which a name is defined.
const DEFINING: [&str; 9] = ["fn", "struct", "enum", "union", "trait", "type", "const", "static", "mod"];

/// Arrows from a file to a file, each with the paths that draw it.
pub(super) type Arrows = BTreeMap<(String, String), Vec<String>>;

/// A file of a crate, read.
struct Room {
    /// The names of its module and of those around it, the outermost first.
    module: Vec<String>,
    words: Vec<String>,
    uses: Vec<Use>,
    defined: BTreeSet<String>,
}

/// A name that a file takes from elsewhere.
struct Use {
    path: Vec<String>,
    /// The name by which the file knows it; `None` for everything in a module.
    name: Option<String>,
    exported: bool,
}

/// The target of a path.
enum Found {
    Module(Vec<String>),
    Item(String),
}

/// The files of a crate, by their paths below its `src`.
pub(super) struct House {
    /// The name by which the programs of the crate know it.
    name: String,
    rooms: BTreeMap<String, Room>,
    files: BTreeMap<Vec<String>, String>,
}

impl House {
    /// Reads the files of a crate: their paths below its `src`, and their texts.
    pub(super) fn read(package: &str, sources: &[(String, String)]) -> Self {
        let rooms: BTreeMap<_, _> = sources.iter().map(|(file, text)| (file.clone(), Room::read(file, text))).collect();
        let files = rooms.iter().map(|(file, room)| (room.module.clone(), file.clone())).collect();
        Self { name: package.replace('-', "_"), rooms, files }
    }

    /// Returns the arrows between the files. A re-export of something below the file is a signpost and no arrow, unless
    /// the file uses the name itself.
    pub(super) fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (file, room) in &self.rooms {
            let mut draw = |path: &[String]| {
                if let Some(Found::Item(other)) = self.find(file, path, DEEPEST)
                    && other != *file
                {
                    let paths = arrows.entry((file.clone(), other)).or_default();
                    let path = path.join("::");
                    if !paths.contains(&path) {
                        paths.push(path);
                    }
                }
            };
            for used in &room.uses {
                match &used.name {
                    Some(name) if used.exported && self.is_below(file, &used.path) && !room.says(name) => {}
                    Some(_) => draw(&used.path),
                    None => {
                        let words = room.words.iter().filter(|word| !room.defined.contains(*word));
                        words.for_each(|word| draw(&[used.path.as_slice(), std::slice::from_ref(word)].concat()));
                    }
                }
            }
            room.paths().iter().for_each(|path| draw(path));
        }
        arrows
    }

    /// Returns the circles among the files, each as the arrows that close it. A parent and its children may use each
    /// other; children and other files may form no circle, through a parent's children or through a child's parents.
    pub(super) fn circles(&self) -> Vec<Arrows> {
        let arrows = self.arrows();
        let without = |dropped: &dyn Fn(&str, &str) -> bool| {
            let kept = arrows.iter().filter(|((from, to), _)| !dropped(from, to));
            closed(&kept.map(|(arrow, paths)| (arrow.clone(), paths.clone())).collect())
        };
        let mut circles = without(&|from, to| self.is_parent(to, from));
        for circle in without(&|from, to| self.is_parent(from, to)) {
            if !circles.contains(&circle) {
                circles.push(circle);
            }
        }
        circles
    }

    fn is_parent(&self, parent: &str, child: &str) -> bool {
        self.rooms[child].module.starts_with(&self.rooms[parent].module)
    }

    fn is_below(&self, file: &str, path: &[String]) -> bool {
        match self.find(file, path, DEEPEST) {
            Some(Found::Item(other)) => self.is_parent(file, &other),
            Some(Found::Module(module)) => module.starts_with(&self.rooms[file].module),
            None => false,
        }
    }

    /// Follows a path that stands in a file; `None` if it leads out of the crate.
    fn find(&self, file: &str, path: &[String], deepest: usize) -> Option<Found> {
        let here = &self.rooms[file].module;
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(Vec::new(), rest, deepest),
            name if name == self.name => self.walk(Vec::new(), rest, deepest),
            "self" => self.walk(here.clone(), rest, deepest),
            "super" => {
                let climbs = path.iter().take_while(|part| *part == "super").count();
                self.walk(here[..here.len().checked_sub(climbs)?].to_vec(), &path[climbs..], deepest)
            }
            _ if self.knows(here, first) => self.walk(here.clone(), path, deepest),
            _ => None,
        }
    }

    /// Follows a path from a module to where its item is defined, through re-exports.
    fn walk(&self, mut module: Vec<String>, path: &[String], deepest: usize) -> Option<Found> {
        let mut path = path;
        while let Some((name, rest)) = path.split_first() {
            let below = [module.as_slice(), std::slice::from_ref(name)].concat();
            if self.files.contains_key(&below) {
                (module, path) = (below, rest);
                continue;
            }
            let file = self.files.get(&module)?;
            let room = &self.rooms[file];
            let used = room.uses.iter().find(|used| used.name.as_ref() == Some(name));
            let all = |used: &&Use| used.name.is_none();
            match used {
                _ if room.defined.contains(name) => return Some(Found::Item(file.clone())),
                Some(used) => {
                    // A name that leads to itself is one of another crate.
                    let found = self.find(file, &used.path, deepest.checked_sub(1)?)?;
                    let Found::Module(other) = found else { return Some(found) };
                    (module, path) = (other, rest);
                }
                None => {
                    let deepest = deepest.checked_sub(1)?;
                    for used in room.uses.iter().filter(all) {
                        if let Some(Found::Module(other)) = self.find(file, &used.path, deepest)
                            && self.knows(&other, name)
                        {
                            return self.walk(other, path, deepest);
                        }
                    }
                    return Some(Found::Item(file.clone()));
                }
            }
        }
        Some(Found::Module(module))
    }

    /// Returns whether a name stands in a module: it is a module below it, defined there or taken from elsewhere.
    fn knows(&self, module: &[String], name: &String) -> bool {
        let Some(file) = self.files.get(module) else { return false };
        let room = &self.rooms[file];
        self.files.contains_key(&[module, std::slice::from_ref(name)].concat())
            || room.defined.contains(name)
            || room.uses.iter().any(|used| used.name.as_ref() == Some(name))
    }
}

impl Room {
    fn read(file: &str, text: &str) -> Self {
        let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        let is_root = module.len() == 1 && ["lib", "main"].contains(&module[0].as_str());
        if is_root || module.last().is_some_and(|name| name == "mod") {
            module.pop();
        }
        let (words, uses) = apart(&words(text));
        let mut defined = BTreeSet::new();
        for pair in words.windows(2).filter(|pair| DEFINING.contains(&pair[0].as_str())) {
            defined.insert(pair[1].clone());
        }
        for three in words.windows(3).filter(|three| three[0] == "macro_rules" && three[1] == "!") {
            defined.insert(three[2].clone());
        }
        // `mod name;` points to another file.
        for three in words.windows(3).filter(|three| three[0] == "mod" && three[2] == ";") {
            defined.remove(&three[1]);
        }
        Self { module, words, uses, defined }
    }

    fn says(&self, name: &str) -> bool {
        self.words.iter().any(|word| word == name)
    }

    /// Returns the paths of two names and more that stand in the code.
    fn paths(&self) -> Vec<Vec<String>> {
        let (mut paths, mut at) = (Vec::new(), 0);
        while at < self.words.len() {
            let begins = is_name(&self.words[at]) && (at == 0 || ![".", "::"].contains(&self.words[at - 1].as_str()));
            let mut path = vec![self.words[at].clone()];
            at += 1;
            while begins && self.words.get(at).is_some_and(|word| word == "::") {
                let Some(next) = self.words.get(at + 1).filter(|word| is_name(word)) else { break };
                path.push(next.clone());
                at += 2;
            }
            if path.len() > 1 {
                paths.push(path);
            }
        }
        paths
    }
}

/// Takes the `use` declarations out of the words of a file.
fn apart(all: &[String]) -> (Vec<String>, Vec<Use>) {
    let (mut words, mut uses, mut at) = (Vec::new(), Vec::new(), 0);
    while at < all.len() {
        // Behind `+` it is what a type captures.
        if all[at] != "use" || all.get(at + 1).is_some_and(|next| next == "<") {
            words.push(all[at].clone());
            at += 1;
            continue;
        }
        let end = at + all[at..].iter().position(|word| word == ";").expect("a use ends");
        let exported = at > 0 && (all[at - 1] == "pub" || all[at - 1] == ")");
        tree(&all[at + 1..end], &[], exported, &mut uses);
        at = end + 1;
    }
    (words, uses)
}

/// Reads one tree of a `use` declaration.
fn tree(words: &[String], before: &[String], exported: bool, uses: &mut Vec<Use>) {
    let (mut path, mut at) = (before.to_vec(), 0);
    while let Some(word) = words.get(at) {
        match word.as_str() {
            "::" => {}
            "*" => return uses.push(Use { path, name: None, exported }),
            "as" => return uses.push(Use { path, name: words.get(at + 1).cloned(), exported }),
            "{" => {
                let inside = &words[at + 1..words.len() - 1];
                return branches(inside).into_iter().for_each(|branch| tree(branch, &path, exported, uses));
            }
            "self" if !path.is_empty() => {}
            name => path.push(name.to_owned()),
        }
        at += 1;
    }
    if let Some(name) = path.last().cloned().filter(|_| !words.is_empty()) {
        uses.push(Use { path, name: Some(name), exported });
    }
}

/// Cuts what stands between braces at its own commas.
fn branches(words: &[String]) -> Vec<&[String]> {
    let mut depth = 0;
    let cut = |word: &String| {
        match word.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0 && word == ","
    };
    words.split(cut).collect()
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Cuts code into names and signs, without comments and literals.
fn words(text: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() || first == '$' {
            first.len_utf8()
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(literal) = literal(rest) {
            literal
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(rest[..length].to_owned());
            length
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            found.push(rest[..length].to_owned());
            length
        };
        rest = &rest[length..];
    }
    found
}

/// Returns the length of the string or character with which a text begins. A lifetime is none.
fn literal(text: &str) -> Option<usize> {
    let plain = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let before = text.len() - plain.len();
    if let Some(raw) = plain.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inside = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return inside.find(&end).map(|at| before + 1 + hashes + 1 + at + end.len());
    }
    let quote = plain.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    let mut inside = plain.char_indices().skip(1);
    if quote == '\'' {
        let mut next = plain[1..].chars();
        if next.next()? != '\\' && next.next()? != '\'' {
            return None;
        }
    }
    while let Some((at, c)) = inside.next() {
        if c == '\\' {
            inside.next();
        } else if c == quote {
            return Some(before + at + 1);
        }
    }
    None
}

/// Returns the arrows that lie on circles, a circle apart from the others.
fn closed(arrows: &Arrows) -> Vec<Arrows> {
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for start in arrows.keys().map(|(from, _)| from.as_str()) {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(file) = open.pop() {
            for (_, to) in arrows.keys().filter(|(from, _)| from == file) {
                if seen.insert(to.as_str()) {
                    open.push(to);
                }
            }
        }
        reached.insert(start, seen);
    }
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|seen| seen.contains(to));
    let mut circles: BTreeMap<&str, Arrows> = BTreeMap::new();
    for (arrow, paths) in arrows.iter().filter(|((from, to), _)| reaches(to, from)) {
        let from = arrow.0.as_str();
        let first = reached[from].iter().find(|other| reaches(other, from)).expect("one of the circle");
        circles.entry(first).or_default().insert(arrow.clone(), paths.clone());
    }
    circles.into_values().collect()
}
