//! A zip archive whose files are read from disk, unpacked beside it. What is there already in its length is left; nothing comes to lie
//! outside the folder.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::Path,
};

use zip::ZipArchive;

use crate::{Error, files, hub::Step};

/// Unpacks all files of an archive below a folder.
///
/// # Errors
/// An archive that is damaged, a name that leads out of it, the disk.
pub(super) fn unpack(archive: &Path, folder: &Path, tell: &mut dyn FnMut(Step)) -> Result<(), Error> {
    let wrong = |why: String| Error::Published { name: archive.display().to_string(), why };
    let broken =
        |error: zip::result::ZipError| wrong(format!("cannot be unpacked ({error}): remove it and download it again"));
    let file = File::open(archive).map_err(|source| Error::io("read", archive, source))?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    tell(Step::Said(&format!("{}: {} files are unpacked, or there", archive.display(), zip.len())));
    for i in 0..zip.len() {
        let mut entry = zip.by_index(i).map_err(broken)?;
        let Some(inside) = entry.enclosed_name() else {
            return Err(wrong(format!("has a file {:?}, which would lie outside its folder", entry.name())));
        };
        let place = folder.join(inside);
        if entry.is_dir() {
            files::make_folder(&place)?;
            continue;
        }
        let length = fs::metadata(&place).map(|metadata| metadata.len());
        if length.is_ok_and(|length| length == entry.size()) {
            continue;
        }
        files::make_folder(place.parent().unwrap_or(folder))?;
        let mut out = File::create(&place).map_err(|source| Error::io("write", &place, source))?;
        io::copy(&mut entry, &mut out).map_err(|source| Error::io("write", &place, source))?;
    }
    Ok(())
}
