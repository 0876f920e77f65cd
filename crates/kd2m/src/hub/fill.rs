//! The bytes of a file from the network to the disk, from where they broke off before.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use super::http::{Answer, Client};
use crate::Error;

const CHUNK: usize = 1 << 16;

/// Why a file did not come.
pub(crate) enum Broken {
    /// What the other side or the connection says; follows the name of what was asked for.
    There(String),
    /// This machine's disk.
    Here(Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Broken::Here(error)
    }
}

/// What is heard of a download.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Step<'a> {
    /// What happened, a sentence.
    Said(&'a str),
    /// How much of a file is here.
    Bytes {
        /// What it is called.
        name: &'a str,
        /// Those that are here.
        done: u64,
        /// Of these, what was here before this connection.
        before: u64,
        /// Of the whole file.
        all: u64,
    },
}

/// A download in lines, one every few seconds.
pub(crate) struct Lines {
    last: Instant,
}

impl Lines {
    /// How often it is said how far it is.
    const TOLD: Duration = Duration::from_secs(5);

    pub fn new() -> Self {
        Self { last: Instant::now() }
    }

    /// Tells what is due.
    pub fn hear(&mut self, step: Step, tell: &mut dyn FnMut(&str)) {
        match step {
            Step::Said(line) => tell(line),
            Step::Bytes { name, done, all, .. } if done < all && self.last.elapsed() >= Self::TOLD => {
                self.last = Instant::now();
                tell(&format!("{name}: {:.1} of {:.1} MB", megabytes(done), megabytes(all)));
            }
            Step::Bytes { .. } => {}
        }
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// What a file is called, and how long it is.
#[derive(Clone, Copy)]
pub(crate) struct Length<'a> {
    pub name: &'a str,
    pub bytes: u64,
}

/// Fills the file from where it stands to its end; `whole` is the answer from its first byte on.
pub(crate) fn fill(
    client: &Client,
    whole: Answer,
    path: &str,
    file: &Path,
    about: &Length,
    tell: &mut dyn FnMut(Step),
) -> Result<(), Broken> {
    let disk = |doing: &'static str| move |source| Broken::Here(Error::io(doing, file, source));
    let mut out = File::options().create(true).append(true).open(file).map_err(disk("write"))?;
    let mut done = out.metadata().map_err(disk("read"))?.len();
    if done > about.bytes {
        out.set_len(0).map_err(disk("write"))?;
        done = 0;
    }
    let answer = if done > 0 && done < about.bytes {
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
    let (Length { name, bytes: all }, before) = (*about, done);
    let goes_on = if before > 0 { ", from where it broke off" } else { "" };
    tell(Step::Said(&format!("{name} of {:.1} MB is downloaded{goes_on}", megabytes(all))));
    let mut reader = answer.body;
    let mut chunk = vec![0; CHUNK];
    while done < about.bytes {
        let read = match reader.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::There(stopped(about, done, &error.to_string()))),
        };
        if read == 0 {
            return Err(Broken::There(stopped(about, done, "the connection ended")));
        }
        let take = read.min(usize::try_from(about.bytes - done).unwrap_or(usize::MAX));
        out.write_all(&chunk[..take]).map_err(disk("write"))?;
        done += take as u64;
        tell(Step::Bytes { name, done, before, all });
    }
    out.sync_all().map_err(disk("write"))
}

fn stopped(about: &Length, done: u64, why: &str) -> String {
    format!("broke off {} after {done} of {} bytes ({why}): the same command goes on there", about.name, about.bytes)
}
