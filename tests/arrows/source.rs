//! What the files of a package import, read off their syntax. What is for tests alone does not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, ImplItemFn, ItemFn, ItemImpl, ItemMod, ItemUse, Macro, Meta, UseTree, Visibility,
    visit::{self, Visit},
};

/// A path's segments.
type Segments = Vec<String>;

/// A package's files, and what each imports of the others.
pub struct Package {
    /// By their paths below `src`, without an extension.
    pub files: BTreeMap<String, BTreeSet<String>>,
    /// The workspace's packages that it imports, without `satchel_`; `main.rs` of a library does not count.
    pub libraries: BTreeSet<String>,
    /// Those that `main.rs` imports.
    pub main: BTreeSet<String>,
}

impl Package {
    /// Reads the sources of a package.
    pub fn read(folder: &Path) -> Self {
        let src = folder.join("src");
        let mut modules = BTreeMap::new();
        find(&src, &[], &mut modules);
        let main = src.join("main.rs");
        let is_library = modules.contains_key(&Segments::new());
        if !is_library {
            modules.insert(Segments::new(), main.clone());
        }
        let mut package = Self { files: BTreeMap::new(), libraries: BTreeSet::new(), main: BTreeSet::new() };
        for (module, file) in &modules {
            let Some(reader) = Reader::of(file) else { continue };
            let own = package.files.entry(title(module)).or_default();
            own.extend(reader.files(module, &modules).map(|other| title(&other)));
            package.libraries.extend(reader.libraries());
        }
        if main.exists() {
            package.main.extend(Reader::of(&main).iter().flat_map(Reader::libraries));
        }
        package
    }

    /// The files that lead back to themselves, each circle once.
    pub fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            self.files.keys().map(|file| (file, self.reached_from(file))).collect();
        let on_circles = reached.iter().filter(|(file, others)| others.contains(**file));
        let circle = |(file, others): (&&String, &BTreeSet<&String>)| {
            others.iter().filter(|other| reached[**other].contains(*file)).map(|other| (*other).clone()).collect()
        };
        on_circles.map(circle).collect()
    }

    fn reached_from<'a>(&'a self, file: &'a str) -> BTreeSet<&'a String> {
        let (mut reached, mut ahead) = (BTreeSet::new(), vec![file]);
        while let Some(file) = ahead.pop() {
            ahead.extend(self.files[file].iter().filter(|other| reached.insert(*other)).map(String::as_str));
        }
        reached
    }
}

fn title(module: &[String]) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("/") }
}

/// The modules that have a file, tests left out.
fn find(folder: &Path, above: &[String], modules: &mut BTreeMap<Segments, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module: Segments = above.iter().cloned().chain([stem.clone()]).collect();
        match (path.is_dir(), stem.as_str()) {
            (_, "tests" | "main") => {}
            (true, _) => find(&path, &module, modules),
            (false, "lib") => drop(modules.insert(Segments::new(), path)),
            (false, "mod") => drop(modules.insert(above.to_vec(), path)),
            (false, _) if path.extension().is_some_and(|extension| extension == "rs") => {
                drop(modules.insert(module, path));
            }
            (false, _) => {}
        }
    }
}

/// The paths that a file names.
#[derive(Default)]
struct Reader {
    paths: Vec<Segments>,
    children: BTreeSet<String>,
}

impl Reader {
    /// `None` for a file that is a test as a whole.
    fn of(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).unwrap();
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut reader = Self::default();
        reader.visit_file(&parsed);
        (!is_for_tests(&parsed.attrs)).then_some(reader)
    }

    /// The other files of the package that are named.
    fn files(&self, here: &[String], modules: &BTreeMap<Segments, PathBuf>) -> impl Iterator<Item = Segments> {
        let absolute = |path: &Segments| -> Option<Segments> {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            let (base, rest) = match path[0].as_str() {
                "crate" => (&here[..0], &path[1..]),
                "self" => (here, &path[1..]),
                "super" => (&here[..here.len().saturating_sub(ups)], &path[ups..]),
                child if self.children.contains(child) => (here, &path[..]),
                _ => return None,
            };
            let mut module = base.to_vec();
            for segment in rest {
                module.push(segment.clone());
                if !modules.contains_key(&module) {
                    module.pop();
                    break;
                }
            }
            (module != here).then_some(module)
        };
        self.paths.iter().filter_map(absolute).collect::<BTreeSet<_>>().into_iter()
    }

    /// The workspace's packages that are named.
    fn libraries(&self) -> BTreeSet<String> {
        let library = |path: &Segments| path[0].strip_prefix("satchel_").map(str::to_owned);
        self.paths.iter().filter_map(library).collect()
    }

    fn tree(&mut self, tree: &UseTree, above: &[String]) {
        let below = |name: String| above.iter().cloned().chain([name]).collect::<Segments>();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &below(path.ident.to_string())),
            UseTree::Name(name) => self.paths.push(below(name.ident.to_string())),
            UseTree::Rename(name) => self.paths.push(below(name.ident.to_string())),
            UseTree::Glob(_) => self.paths.push(above.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, above)),
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |meta: &Meta| matches!(meta, Meta::List(list) if list.tokens.to_string() == "test");
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && is_test(&attribute.meta))
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.tree(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if is_for_tests(&item.attrs) {
            return;
        }
        if item.content.is_none() {
            self.children.insert(item.ident.to_string());
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    /// What a macro is given has no syntax yet: paths in it are told by their colons.
    fn visit_macro(&mut self, item: &'ast Macro) {
        let tokens = item.tokens.to_string().replace("::", " :: ");
        let mut path = Segments::new();
        let mut goes_on = false;
        for token in tokens.split_whitespace().chain([";"]) {
            let is_name = token.chars().all(|character| character.is_alphanumeric() || character == '_');
            if is_name && (goes_on || path.is_empty()) {
                path.push(token.to_owned());
                goes_on = false;
            } else if token == "::" && !path.is_empty() {
                goes_on = true;
            } else {
                let named = std::mem::replace(&mut path, if is_name { vec![token.to_owned()] } else { Vec::new() });
                goes_on = false;
                if named.len() > 1 {
                    self.paths.push(named);
                }
            }
        }
    }

    /// `pub(super)` is no import.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}
