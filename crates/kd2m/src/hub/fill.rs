//! The bytes of a file from the network to the disk, from where they broke off before.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use super::http::{Answer, Client};
use crate::Error;

/// How often it is said how far it is.
const TOLD: Duration = Duration::from_secs(5);
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

/// What a file is called, and how long it is.
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
    tell: &mut dyn FnMut(String),
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
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    tell(format!(
        "{} of {:.1} MB is downloaded{}",
        about.name,
        megabytes(about.bytes),
        if done > 0 { ", from where it broke off" } else { "" }
    ));
    let (mut reader, mut last) = (answer.body, Instant::now());
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
        if last.elapsed() >= TOLD {
            last = Instant::now();
            tell(format!("{}: {:.1} of {:.1} MB", about.name, megabytes(done), megabytes(about.bytes)));
        }
    }
    out.sync_all().map_err(disk("write"))
}

fn stopped(about: &Length, done: u64, why: &str) -> String {
    format!("broke off {} after {done} of {} bytes ({why}): the same command goes on there", about.name, about.bytes)
}
