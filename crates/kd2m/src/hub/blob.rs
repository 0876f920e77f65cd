//! One file of the hub, whole: what a broken connection left is gone on with, and what came is summed where the hub says the sum.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::http::{Answer, Client, said};
use crate::{Error, files, sums};

/// Connections that are tried before it is said that they break.
const TRIES: usize = 4;
/// How often it is said how far it is.
const TOLD: Duration = Duration::from_secs(5);
const CHUNK: usize = 1 << 16;

/// Why a file did not come.
pub(super) enum Broken {
    /// What the hub or the connection says; follows the repository's name.
    There(String),
    /// This machine's disk.
    Here(Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Broken::Here(error)
    }
}

/// Brings a file below `blobs`, where it is not there yet; its place. `path` is its address, `name` what it is called.
pub(super) fn bring(
    client: &Client,
    blobs: &Path,
    [path, name]: [&str; 2],
    tell: &mut dyn FnMut(&str),
) -> Result<PathBuf, Broken> {
    let mut told = None;
    for _ in 0..TRIES {
        let answer = client.get(path, 0).map_err(Broken::There)?;
        let about = About::of(&answer, name)?;
        let place = blobs.join(&about.tag);
        if place.is_file() {
            return Ok(place);
        }
        let unfinished = blobs.join(format!("{}.incomplete", about.tag));
        // Of two processes one brings it, the other finds it there.
        let alone = files::lock(&blobs.join(format!("{}.lock", about.tag)))?;
        if !place.is_file() {
            match fill(client, answer, path, &unfinished, &about, &mut |line| tell(&line)) {
                Err(Broken::There(why)) => {
                    told = Some(why);
                    continue;
                }
                filled => filled?,
            }
            about.check(&unfinished, name)?;
            fs::rename(&unfinished, &place).map_err(|source| Error::io("write", &place, source))?;
            files::sync_folder(blobs)?;
        }
        drop(alone);
        let _ = fs::remove_file(blobs.join(format!("{}.lock", about.tag)));
        return Ok(place);
    }
    Err(Broken::There(told.unwrap_or_default()))
}

/// What the hub says of a file.
struct About {
    name: String,
    tag: String,
    size: u64,
}

impl About {
    fn of(answer: &Answer, name: &str) -> Result<Self, Broken> {
        if answer.status != 200 {
            return Err(Broken::There(format!("has no {name} to give: the hub answers {}", said(answer.status))));
        }
        let tag = answer.tag.clone().filter(|tag| {
            !tag.is_empty() && tag.len() <= 128 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
        match (tag, answer.size) {
            (Some(tag), Some(size)) => Ok(Self { name: name.to_owned(), tag, size }),
            _ => Err(Broken::There(format!(
                "gives {name} without saying which file it is and how long: is HF_ENDPOINT a hub?"
            ))),
        }
    }

    /// Refuses bytes that are not those of the file.
    fn check(&self, file: &Path, name: &str) -> Result<(), Broken> {
        // Small files are named by a sum that git makes.
        let has_sum = self.tag.len() == 64 && self.tag.bytes().all(|b| b.is_ascii_hexdigit());
        if has_sum && sums::of_file(file)? != self.tag.to_lowercase() {
            fs::remove_file(file).map_err(|source| Error::io("remove", file, source))?;
            return Err(Broken::There(format!("gave {name} with another checksum than it says: try again")));
        }
        Ok(())
    }
}

/// Fills the file from where it stands to its end.
fn fill(
    client: &Client,
    whole: Answer,
    path: &str,
    file: &Path,
    about: &About,
    tell: &mut dyn FnMut(String),
) -> Result<(), Broken> {
    let disk = |doing: &'static str| move |source| Broken::Here(Error::io(doing, file, source));
    let mut out = File::options().create(true).append(true).open(file).map_err(disk("write"))?;
    let mut done = out.metadata().map_err(disk("read"))?.len();
    if done > about.size {
        out.set_len(0).map_err(disk("write"))?;
        done = 0;
    }
    let answer = if done > 0 && done < about.size {
        // One connection at a time.
        drop(whole);
        let rest = client.get(path, done).map_err(Broken::There)?;
        match rest.status {
            206 => rest,
            // One that cannot go on begins again.
            _ => {
                drop(rest);
                out.set_len(0).map_err(disk("write"))?;
                done = 0;
                client.get(path, 0).map_err(Broken::There)?
            }
        }
    } else {
        whole
    };
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    tell(format!(
        "{} of {:.1} MB is downloaded{}",
        about.name,
        megabytes(about.size),
        if done > 0 { ", from where it broke off" } else { "" }
    ));
    let (mut reader, mut last) = (answer.body, Instant::now());
    let mut chunk = vec![0; CHUNK];
    while done < about.size {
        let read = match reader.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::There(stopped(about, done, &error.to_string()))),
        };
        if read == 0 {
            return Err(Broken::There(stopped(about, done, "the connection ended")));
        }
        let take = read.min(usize::try_from(about.size - done).unwrap_or(usize::MAX));
        out.write_all(&chunk[..take]).map_err(disk("write"))?;
        done += take as u64;
        if last.elapsed() >= TOLD {
            last = Instant::now();
            tell(format!("{}: {:.1} of {:.1} MB", about.name, megabytes(done), megabytes(about.size)));
        }
    }
    out.sync_all().map_err(disk("write"))
}

fn stopped(about: &About, done: u64, why: &str) -> String {
    format!("broke off {} after {done} of {} bytes ({why}): the same command goes on there", about.name, about.size)
}
