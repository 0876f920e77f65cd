//! Published data sets: brought from a server on this machine, and compared with what is published.

mod connection;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use connection::transport;
use kd2m::{
    hub::Step,
    published::{download, verify},
};
use kd2m_data::Published;

/// A server of some files, and what was asked of it.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The first answer ends after `cut` bytes.
    fn new(files: BTreeMap<&'static str, Vec<u8>>, cut: Option<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (asked, mut cut) = (Arc::new(Mutex::new(Vec::new())), cut);
        let heard = asked.clone();
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &files, &heard, &mut cut);
            }
        });
        Self { address, asked }
    }

    /// A file of it as it is published.
    fn published(&self, name: &str, md5: &'static str, unpacked: bool) -> Published {
        let url = Box::leak(format!("{}/{name}", self.address).into_boxed_str());
        Published { url, folder: "set", bytes: None, md5, unpacked }
    }

    fn requests(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, files: &BTreeMap<&str, Vec<u8>>, asked: &Mutex<Vec<String>>, cut: &mut Option<usize>) {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while reader.read_line(&mut request).unwrap_or(0) > 2 {}
    let request = request.to_lowercase();
    asked.lock().unwrap().push(request.clone());
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let (head, body) = match files.get(path.as_str()) {
        None => ("404 Not Found\r\ncontent-length: 0\r\n".to_owned(), &[][..]),
        Some(bytes) => {
            let from =
                request.split("range: bytes=").nth(1).and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
            let rest = &bytes[from.unwrap_or(0)..];
            let (status, all) = (if from.is_some() { "206 Partial Content" } else { "200 OK" }, bytes.len());
            let range = from.map_or(String::new(), |from| format!("content-range: bytes {from}-{}/{all}\r\n", all - 1));
            (format!("{status}\r\ncontent-length: {}\r\n{range}", rest.len()), rest)
        }
    };
    let ends = cut.take().unwrap_or(body.len()).min(body.len());
    let head = format!("HTTP/1.1 {head}connection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..ends]));
    // What the other side still says is read, so that the end reaches it in order.
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 64]);
}

/// What is said, in the order in which it is.
fn fetched(files: &[Published], root: &Path) -> Result<Vec<String>, String> {
    let (mut said, mut last) = (Vec::new(), 0);
    let mut tell = |step: Step| match step {
        Step::Said(line) => said.push(line.to_owned()),
        // Never back, but where a file begins.
        Step::Bytes { done, before, all, .. } => {
            assert!(done <= all && before < done && (done > last || last == all || before == 0), "{step:?}");
            last = done;
        }
        _ => {}
    };
    download("toy", files, root, transport().as_ref(), &mut tell).map_err(|e| e.to_string())?;
    assert!(last == 0 || said.iter().any(|line| line.contains(" is downloaded")));
    Ok(said)
}

/// 300,000 bytes, and their MD5 by another program.
fn bytes() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i * 7 % 251) as u8).collect()
}

const MD5: &str = "7409c0cadc39c378e2bca7fefd5359b7";

#[test]
fn a_file_comes_whole_and_is_not_asked_for_again() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::new([("a.bin", bytes())].into(), None);
    let files = [server.published("a.bin", MD5, false)];
    let said = fetched(&files, root.path()).unwrap();
    assert!(said[0].starts_with("a.bin of 0.3 MB is downloaded"), "{said:?}");
    let folder = root.path().join("set");
    assert_eq!(fs::read(folder.join("a.bin")).unwrap(), bytes());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    let before = server.requests().len();
    assert!(fetched(&files, root.path()).unwrap()[0].ends_with("a.bin is there"));
    assert_eq!(server.requests().len(), before);
}

#[test]
fn what_broke_off_is_gone_on_with() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::new([("a.bin", bytes())].into(), Some(100_000));
    let said = fetched(&[server.published("a.bin", MD5, false)], root.path()).unwrap();
    assert!(said.iter().any(|line| line.ends_with("from where it broke off")), "{said:?}");
    assert!(
        server.requests().iter().any(|request| request.contains("range: bytes=100000-")),
        "{:?}",
        server.requests()
    );
    assert_eq!(fs::read(root.path().join("set/a.bin")).unwrap(), bytes());
}

#[test]
fn another_sum_is_refused_with_both() {
    let root = tempfile::tempdir().unwrap();
    let mut wrong = bytes();
    wrong[5] ^= 1;
    let server = Server::new([("a.bin", wrong.clone())].into(), None);
    let files = [server.published("a.bin", MD5, false)];
    let why = fetched(&files, root.path()).unwrap_err();
    assert!(
        why.starts_with("toy: ")
            && why.contains(&format!("gave a.bin with MD5 664f05abbaca28445b36cf1d2ad93bbc, published is {MD5}")),
        "{why}"
    );
    assert!(!root.path().join("set/a.bin").exists() && !root.path().join("set/a.bin.incomplete").exists());
    fs::write(root.path().join("set/a.bin"), &wrong).unwrap();
    let why = fetched(&files, root.path()).unwrap_err();
    assert!(
        why.contains(&format!("is there with MD5 664f05abbaca28445b36cf1d2ad93bbc, published is {MD5}: remove it")),
        "{why}"
    );
    let why = fetched(&[server.published("b.bin", MD5, false)], root.path()).unwrap_err();
    assert!(why.contains("b.bin cannot be had from") && why.ends_with("it answers 404"), "{why}");
}

/// An archive of `deep/er.txt` with these bytes, stored, as another program wrote it; the name may lead elsewhere.
const ZIP: &[u8] = include_bytes!("published.zip");

#[test]
fn archives_that_are_read_unpacked_are_unpacked_and_nothing_leaves_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let evil: Vec<u8> = {
        // A name of the same length that leads out.
        let mut zip = ZIP.to_vec();
        let found: Vec<usize> = (0..zip.len() - 11).filter(|at| &zip[*at..at + 11] == b"deep/er.txt").collect();
        found.iter().for_each(|at| zip[*at..at + 11].copy_from_slice(b"../../e.txt"));
        zip
    };
    let server = Server::new([("a.zip", ZIP.to_vec()), ("evil.zip", evil)].into(), None);
    fetched(&[server.published("a.zip", "22f728b8b7898fe7fc063e1cea4b753e", true)], root.path()).unwrap();
    assert_eq!(fs::read_to_string(root.path().join("set/deep/er.txt")).unwrap(), "a file in a folder\n");
    let why =
        fetched(&[server.published("evil.zip", "018463bf816fd1c1b82ae2fe2d6e9845", true)], root.path()).unwrap_err();
    assert!(why.contains("which would lie outside its folder"), "{why}");
    assert!(!root.path().join("e.txt").exists() && !root.path().parent().unwrap().join("e.txt").exists());
}

#[test]
fn what_lies_below_a_root_is_compared_with_what_is_published() {
    let root = tempfile::tempdir().unwrap();
    let nothing = verify("svhn", root.path()).unwrap();
    assert!(!nothing.is_there() && !nothing.is_right() && nothing.files.len() == 2);
    let other = root.path().join("svhn/train_32x32.mat");
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    fs::write(&other, "abc").unwrap();
    let found = verify("svhn", root.path()).unwrap();
    assert!(found.is_there() && !found.is_right());
    // RFC 1321, appendix A.5.
    assert_eq!(found.files[0].found, Some((other, "900150983cd24fb0d6963f7d28e17f72".to_owned())));
    assert_eq!((found.files[1].found.clone(), found.content), (None, None));
    let why = verify("digits", root.path()).unwrap_err().to_string();
    assert_eq!(why, "digits: is embedded or your own, nothing is published of it");
    assert!(verify("svnh", root.path()).unwrap_err().to_string().contains("known are mnist, fashion_mnist"));
}

/// The real MNIST in another packing, where a checkout has it beside it.
#[test]
fn the_content_counts_whatever_packs_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !root.join("mnist").is_dir() {
        return eprintln!("skipped: {} is not there", root.join("mnist").display());
    }
    let found = verify("mnist", &root).unwrap();
    assert!(found.is_right() && found.files.iter().all(|file| file.found.is_some()), "{found:?}");
}
