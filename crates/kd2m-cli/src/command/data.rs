//! `kd2m data list|info|verify|download`: data sets as their makers publish them.

use std::{path::Path, process::ExitCode};

use kd2m::{
    Error,
    published::{self, CheckedFile, Verified},
};
use kd2m_data::{Published, registry};
use serde_json::{Value, json};

use crate::{
    arguments::{DataAction, DataArguments},
    output::show,
};

/// Bad input.
const WRONG: u8 = 2;

/// Shows, checks or brings.
///
/// # Errors
/// A name of no published data set; files that cannot be read; what a download cannot do.
pub fn data(arguments: &DataArguments) -> Result<ExitCode, Error> {
    let DataArguments { action, names, data_root, json, quiet } = arguments;
    names.iter().try_for_each(|name| published::publication(name).map(|_| ()))?;
    let chosen: Vec<Entry> =
        entries().filter(|entry| names.is_empty() || names.iter().any(|n| n == entry.name)).collect();
    match action {
        DataAction::List if !json => show(&lines(&chosen))?,
        DataAction::Info if !json => show(&chosen.iter().map(page).collect::<Vec<_>>().join("\n"))?,
        DataAction::List | DataAction::Info => show(&pretty(&chosen.iter().map(described).collect()))?,
        DataAction::Verify => return verify(&chosen, !names.is_empty(), data_root, *json),
        DataAction::Download if names.is_empty() => {
            let why = "name what is to be downloaded: `kd2m data list` shows what there is".to_owned();
            return Err(Error::Config(why));
        }
        DataAction::Download => chosen.iter().try_for_each(|entry| download(entry, data_root, *quiet))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A data set of which something is published.
struct Entry {
    name: &'static str,
    entry: &'static kd2m_data::Entry,
    files: &'static [Published],
}

fn entries() -> impl Iterator<Item = Entry> {
    registry().iter().filter_map(|entry| {
        let files = kd2m_data::published(entry.name)?.files;
        Some(Entry { name: entry.name, entry, files })
    })
}

fn lines(chosen: &[Entry]) -> String {
    let widest = chosen.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let line = |Entry { name, entry, files }: &Entry| match files {
        [_] => format!("{name:widest$}  {}; one file\n", entry.about),
        files => format!("{name:widest$}  {}; {} files\n", entry.about, files.len()),
    };
    chosen.iter().map(line).collect()
}

fn page(Entry { name, entry, files }: &Entry) -> String {
    let mut text = format!("{name}: {}\n{}\nread from: {}\n", entry.about, entry.credit, entry.files);
    for file in *files {
        let size = file.bytes.map_or(String::new(), |bytes| format!(", {:.1} MB", bytes as f64 / 1e6));
        let place = shown(&Path::new(file.folder).join(file.file()));
        text += &format!("{}\n  to {place}, MD5 {}{size}\n", file.url, file.md5);
    }
    text
}

fn verify(chosen: &[Entry], named: bool, root: &Path, json: bool) -> Result<ExitCode, Error> {
    let mut found = Vec::new();
    for Entry { name, .. } in chosen {
        let verified = published::verify(name, root)?;
        if verified.is_there() || named {
            found.push((*name, verified));
        }
    }
    if found.is_empty() {
        let why = format!("{}: none of the published data sets is there (`kd2m data list`)", root.display());
        return Err(Error::Config(why));
    }
    let text = match json {
        true => pretty(&found.iter().map(|(name, verified)| judged(name, verified)).collect()),
        false => found.iter().map(|(name, verified)| told(name, verified)).collect(),
    };
    show(&text)?;
    let right = found.iter().all(|(_, verified)| verified.is_right());
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

/// What a person reads of one data set.
fn told(name: &str, verified: &Verified) -> String {
    let verdict = match (verified.is_right(), verified.is_there()) {
        (true, _) => "as it is published",
        (false, true) => "NOT as it is published",
        (false, false) => "not there",
    };
    let mut text = format!("{name}: {verdict}\n");
    for file in &verified.files {
        let CheckedFile { file, found } = file;
        text += &match found {
            None => format!("  {}: not there\n", file.file()),
            Some((place, sum)) if sum == file.md5 => format!("  {}: MD5 {sum}, as published\n", place.display()),
            Some((place, sum)) => format!("  {}: MD5 {sum}, published is {}\n", place.display(), file.md5),
        };
    }
    if let Some(content) = &verified.content {
        let same = match content.expected == content.found {
            true => "as published, in another packing".to_owned(),
            false => format!("published is {}", content.expected),
        };
        text += &format!("  pixels and labels: SHA-256 {}, {same}\n", content.found);
    }
    text
}

#[cfg(feature = "download")]
fn download(Entry { name, files, .. }: &Entry, root: &Path, quiet: bool) -> Result<(), Error> {
    let mut progress = crate::download_progress::DownloadProgress::new(quiet);
    published::download(name, files, root, &kd2m::hub::Network, &mut |step| progress.hear(step))?;
    progress.hear(kd2m::hub::Step::Said(&format!("{name}: all files are below {}", root.display())));
    Ok(())
}

#[cfg(not(feature = "download"))]
fn download(Entry { name, files, .. }: &Entry, root: &Path, _: bool) -> Result<(), Error> {
    let places = files.iter().map(|file| format!("{} to {}", file.url, shown(&root.join(file.folder))));
    let why = format!(
        "this program was built without its feature `download`; get {}, or build with `--features download`",
        places.collect::<Vec<_>>().join(", ")
    );
    Err(Error::Published { name: (*name).to_owned(), why })
}

fn described(Entry { name, entry, files }: &Entry) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|file| json!({ "url": file.url, "folder": file.folder, "bytes": file.bytes, "md5": file.md5 }))
        .collect();
    json!({ "name": name, "about": entry.about, "credit": entry.credit, "read_from": entry.files, "files": files })
}

fn judged(name: &str, verified: &Verified) -> Value {
    let files: Vec<Value> = verified
        .files
        .iter()
        .map(|CheckedFile { file, found }| {
            let (place, md5) = found.clone().unzip();
            json!({ "file": file.file(), "published_md5": file.md5, "path": place, "md5": md5 })
        })
        .collect();
    let content = verified.content.as_ref().map(|c| json!({ "published_sha256": c.expected, "sha256": c.found }));
    json!({
        "name": name, "right": verified.is_right(), "there": verified.is_there(), "files": files, "content": content,
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// With `/` between folders, whatever the system.
fn shown(path: &Path) -> String {
    path.display().to_string().replace('\\', "/")
}
