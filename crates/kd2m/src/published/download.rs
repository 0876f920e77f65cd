//! Published files to where they are read. A file that is there and whole is not asked for; what broke off is gone on with; nothing has its
//! name before its sum is right.

use std::{fs, path::Path};

use kd2m_data::Published;

use super::unpack::unpack;
use crate::{
    Error, files,
    hub::{
        Place, Step, Transport,
        fill::{Broken, Length, fill},
        http::Client,
    },
    sums,
};

/// Connections that are tried before it is said that they break.
const TRIES: usize = 4;

/// Brings the files of a data set that are not there yet below `root`, and unpacks those that have to be; `tell` hears how far it is.
///
/// # Errors
/// What the other side does not give; a connection that breaks; a file with another sum than was published, both of which are said; the
/// disk. Half a file stays and is gone on with.
pub fn download(
    name: &str,
    published: &[Published],
    root: &Path,
    transport: &dyn Transport,
    tell: &mut dyn FnMut(Step),
) -> Result<(), Error> {
    let fail = |why: String| Error::Published { name: name.to_owned(), why };
    for file in published {
        let folder = root.join(file.folder);
        files::make_folder(&folder)?;
        let place = folder.join(file.file());
        if place.is_file() {
            let found = sums::md5_of_file(&place)?;
            if found != file.md5 {
                return Err(fail(format!(
                    "{} is there with MD5 {found}, published is {}: remove it to download it again",
                    place.display(),
                    file.md5
                )));
            }
            tell(Step::Said(&format!("{} is there", place.display())));
        } else {
            bring(file, &place, transport, tell).map_err(|broken| match broken {
                Broken::There(why) => fail(why),
                Broken::Here(error) => error,
            })?;
        }
        if file.unpacked {
            unpack(&place, &folder, tell)?;
        }
    }
    Ok(())
}

fn bring(file: &Published, place: &Path, transport: &dyn Transport, tell: &mut dyn FnMut(Step)) -> Result<(), Broken> {
    let name = file.file();
    let beside = |ending: &str| place.with_file_name(format!("{name}.{ending}"));
    let (unfinished, lock) = (beside("incomplete"), beside("lock"));
    // Of two processes one brings it, the other finds it there.
    let alone = files::lock(&lock)?;
    let whole_addresses = Place { endpoint: String::new(), cache: place.to_owned(), token: None };
    let client = Client { transport, place: &whole_addresses };
    let mut told = None;
    for _ in 0..TRIES {
        if place.is_file() {
            break;
        }
        let answer = client.get(file.url, 0).map_err(|why| Broken::There(format!("{name} {why}")))?;
        if answer.status != 200 {
            let why = format!("{name} cannot be had from {}: it answers {}", file.url, answer.status);
            return Err(Broken::There(why));
        }
        let Some(bytes) = answer.size.or(file.bytes) else {
            return Err(Broken::There(format!(
                "{} does not say how long {name} is: download it by other means",
                file.url
            )));
        };
        match fill(&client, answer, file.url, &unfinished, &Length { name, bytes }, tell) {
            Err(Broken::There(why)) => {
                told = Some(why);
                continue;
            }
            filled => filled?,
        }
        let found = sums::md5_of_file(&unfinished)?;
        if found != file.md5 {
            fs::remove_file(&unfinished).map_err(|source| Error::io("remove", &unfinished, source))?;
            let why = format!("{} gave {name} with MD5 {found}, published is {}: try again later", file.url, file.md5);
            return Err(Broken::There(why));
        }
        fs::rename(&unfinished, place).map_err(|source| Error::io("write", place, source))?;
        if let Some(folder) = place.parent() {
            files::sync_folder(folder)?;
        }
    }
    drop(alone);
    let _ = fs::remove_file(lock);
    if place.is_file() { Ok(()) } else { Err(Broken::There(told.unwrap_or_default())) }
}
