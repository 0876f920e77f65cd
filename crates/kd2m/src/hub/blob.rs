//! One file of the hub, whole: what a broken connection left is gone on with, and what came is summed where the hub says the sum.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    fill::{Broken, Length, Lines, fill},
    http::{Answer, Client, said},
};
use crate::{Error, files, sums};

/// Connections that are tried before it is said that they break.
const TRIES: usize = 4;

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
            let (length, mut lines) = (Length { name, bytes: about.size }, Lines::new());
            match fill(client, answer, path, &unfinished, &length, &mut |step| lines.hear(step, tell)) {
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
            (Some(tag), Some(size)) => Ok(Self { tag, size }),
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
