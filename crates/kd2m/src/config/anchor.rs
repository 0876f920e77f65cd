//! Paths that hold wherever a run is opened from: in a file and on the command line a relative path starts at the folder in which the
//! program runs, in a run folder there is none.

use std::path::{Path, PathBuf};

use super::{Config, TeacherConfig};
use crate::imported;
use kd2m_nn::weights::hub;

impl Config {
    /// The same with every path absolute, also that of `folder:PATH`, as it is saved in a run folder.
    #[must_use]
    pub fn anchored(mut self) -> Self {
        let named = [Some(&self.data.dataset), self.data.unlabelled.as_ref()];
        if self.data.root.is_none() && named.into_iter().flatten().any(|name| lies_in_a_folder(name)) {
            self.data.root = Some(PathBuf::from("."));
        }
        self.teacher.all_mut().for_each(anchor_teacher);
        [&mut self.student.weights, &mut self.data.root, &mut self.data.cache].into_iter().flatten().for_each(anchor);
        self.teacher.cache.folder_mut().into_iter().for_each(anchor);
        self
    }
}

fn anchor_teacher(teacher: &mut TeacherConfig) {
    if let Some(file) = imported::file(&teacher.model) {
        let same = teacher.init.as_deref() == Some(Path::new(&teacher.model));
        let mut file = file.to_owned();
        anchor(&mut file);
        teacher.model = format!("{}{}", imported::PREFIX, file.display());
        if same {
            teacher.init = Some(PathBuf::from(&teacher.model));
        }
    }
    let all = [&mut teacher.weights, &mut teacher.init, &mut teacher.outputs].into_iter().flatten();
    all.for_each(anchor);
}

/// A data set that is named by a path, which is looked for below `data.root`.
fn lies_in_a_folder(dataset: &str) -> bool {
    let named = dataset.split_once(':').map(|(name, path)| (name, Path::new(path)));
    let takes_path = |name| kd2m_data::registry().iter().any(|entry| entry.name == name && entry.takes_path);
    named.is_some_and(|(name, path)| takes_path(name) && path.is_relative())
}

/// A path that cannot be made absolute (an empty one) stays as it is: whoever opens it says what is wrong. So does what is no path.
fn anchor(path: &mut PathBuf) {
    let text = path.to_string_lossy();
    if [imported::PREFIX, hub::PREFIX].iter().any(|prefix| text.starts_with(prefix)) {
        return;
    }
    if let Ok(absolute) = std::path::absolute(&*path) {
        // `absolute` keeps a dot at the end.
        *path = absolute.components().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DrawnViews, Source, TeacherCache};

    fn resolved(sets: &[&str]) -> Config {
        let mut source = Source::demo().unwrap();
        sets.iter().for_each(|set| source.set(set).unwrap());
        source.resolve().unwrap()
    }

    #[test]
    fn every_relative_path_starts_at_the_current_folder_and_absolute_ones_stay() {
        let here = std::env::current_dir().unwrap();
        let relative = ["data.root=a", "teacher.weights=b/t.pth", "teacher.init=i.pth", "student.weights=../s.pth"];
        let config = resolved(&[&relative[..], &["teacher.cache=c"]].concat()).anchored();
        assert_eq!(config.data.root, Some(here.join("a")));
        assert_eq!(config.teacher.weights, Some(here.join("b/t.pth")));
        assert_eq!(config.teacher.init, Some(here.join("i.pth")));
        assert_eq!(config.student.weights, Some(here.join("../s.pth")));
        assert_eq!(config.teacher.cache, TeacherCache::Folder(here.join("c")));
        let views = resolved(&["teacher.cache=views:c"]).anchored();
        assert_eq!(views.teacher.cache, TeacherCache::Views(DrawnViews(Some(here.join("c")))));
        assert_eq!(config.clone().anchored(), config);
        let plain = resolved(&[]);
        assert_eq!(plain.clone().anchored(), plain);
    }

    /// A bank of outputs has no network beside it, so the configuration above cannot name one.
    #[test]
    fn a_file_of_outputs_is_found_again() {
        let mut config = resolved(&[]);
        config.teacher.outputs = Some("banks/t.npz".into());
        let outputs = config.anchored().teacher.outputs.clone();
        assert_eq!(outputs, Some(std::env::current_dir().unwrap().join("banks/t.npz")));
    }

    #[test]
    fn a_model_that_is_a_file_is_found_again() {
        let here = std::env::current_dir().unwrap();
        let config = resolved(&["teacher.model=onnx:m/t.onnx", "teacher.init=onnx:m/t.onnx"]).anchored();
        assert_eq!(config.teacher.model, format!("onnx:{}", here.join("m/t.onnx").display()));
        assert_eq!(config.teacher.init, Some(PathBuf::from(&config.teacher.model)));
        assert_eq!((config.clone().anchored(), config.teacher.name()), (config.clone(), "onnx:t.onnx".to_owned()));
    }

    #[test]
    fn a_folder_of_images_is_found_again() {
        let here = std::env::current_dir().unwrap();
        let root = |dataset: &str| resolved(&[&format!("data.dataset={dataset}")]).anchored().data.root;
        assert_eq!(root("folder:photos@64"), Some(here));
        assert_eq!(root("folder:/photos"), None);
        let beside = |name: &str| resolved(&[&format!("data.unlabelled={name}")]).anchored().data.root;
        assert_eq!((beside("folder:photos").is_some(), beside("folder:/photos"), beside("rest")), (true, None, None));
    }
}
