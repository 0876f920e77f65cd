//! Weights of the Hugging Face hub, from a server on this machine that answers as the hub does.

mod connection;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

use connection::transport;
use kd2m::{
    hub::{Place, download},
    sums,
};
use kd2m_nn::{
    init,
    weights::{self, Owner, Source, hub::Repository},
    zoo,
};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How the server misbehaves.
#[derive(Default, Clone, Copy)]
struct Fault {
    /// The first answer with a large file ends after so many bytes.
    cut: Option<usize>,
    /// Large files have other bytes than it says.
    other_bytes: bool,
    /// Every status is this.
    status: Option<u16>,
    /// The list of files names one elsewhere.
    elsewhere: bool,
}

/// A hub of one repository, `o/n`. Files whose names end in `.safetensors` are large: it sends to another host for them.
struct Hub {
    endpoint: String,
    /// Lines and headers of all requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn new(files: BTreeMap<&'static str, Vec<u8>>, fault: Fault) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let [own, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [endpoint, storage] = [&own, &other].map(|listener| format!("http://{}", listener.local_addr().unwrap()));
        let files = Arc::new(files);
        let cut = Arc::new(Mutex::new(fault.cut));
        for (listener, at_storage) in [(own, false), (other, true)] {
            let (files, asked, storage, cut) = (files.clone(), asked.clone(), storage.clone(), cut.clone());
            // It ends with the process.
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    answer(stream, &files, &asked, if at_storage { "" } else { &storage }, fault, &cut);
                }
            });
        }
        Self { endpoint, asked }
    }

    fn place(&self, cache: &Path) -> Place {
        Place { endpoint: self.endpoint.clone(), cache: cache.to_owned(), token: Some("secret".to_owned()) }
    }

    /// How many requests there were whose text has these words.
    fn count(&self, words: &[&str]) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|request| words.iter().all(|word| request.contains(word))).count()
    }
}

/// One request. `storage` is where large files are, empty on that host itself.
fn answer(
    mut stream: TcpStream,
    files: &BTreeMap<&'static str, Vec<u8>>,
    asked: &Mutex<Vec<String>>,
    storage: &str,
    fault: Fault,
    cut: &Mutex<Option<usize>>,
) {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while reader.read_line(&mut request).unwrap_or(0) > 2 {}
    asked.lock().unwrap().push(request.to_lowercase());
    let path = request.split(' ').nth(1).unwrap_or_default();
    let mut reply = |status: &str, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n");
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    if let Some(status) = fault.status {
        return reply(&format!("{status} No"), "content-length: 0\r\n", b"");
    }
    if path.starts_with("/api/models/o/n/revision/") {
        let names = files.keys().copied().chain(fault.elsewhere.then_some("../../evil.safetensors"));
        let siblings: Vec<String> = names.map(|name| format!("{{\"rfilename\": \"{name}\"}}")).collect();
        let text = format!("{{\"sha\": \"{COMMIT}\", \"siblings\": [{}]}}", siblings.join(", "));
        return reply("200 OK", &format!("content-length: {}\r\n", text.len()), text.as_bytes());
    }
    let prefix = if storage.is_empty() { "/stored/".to_owned() } else { format!("/o/n/resolve/{COMMIT}/") };
    let Some((name, bytes)) = path.strip_prefix(&prefix).and_then(|name| files.get_key_value(name)) else {
        return reply("404 Not Found", "content-length: 0\r\n", b"");
    };
    let large = name.ends_with(".safetensors");
    if large && !storage.is_empty() {
        let (tag, size) = (sums::of_bytes(bytes), bytes.len());
        let headers = format!(
            "location: {storage}/stored/{name}\r\nx-linked-etag: \"{tag}\"\r\nx-linked-size: {size}\r\ncontent-length: 0\r\n"
        );
        return reply("302 Found", &headers, b"");
    }
    let mut bytes = bytes.clone();
    if large && fault.other_bytes {
        bytes[0] ^= 1;
    }
    let from =
        request.to_lowercase().split("range: bytes=").nth(1).and_then(|rest| rest.split('-').next()?.parse().ok());
    let whole = bytes.len();
    let (status, rest) = match from {
        Some(from) => ("206 Partial Content", &bytes[from..]),
        None => ("200 OK", &bytes[..]),
    };
    let range =
        from.map_or(String::new(), |from: usize| format!("content-range: bytes {from}-{}/{whole}\r\n", whole - 1));
    let headers = format!("etag: \"name-of-{}\"\r\ncontent-length: {}\r\n{range}", whole, rest.len());
    let ends = if large { cut.lock().unwrap().take() } else { None };
    reply(status, &headers, &rest[..ends.unwrap_or(rest.len())]);
    // What the other side still says is read, so that the end reaches it in order.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read(&mut [0; 64]);
}

fn network() -> (kd2m_nn::Graph, kd2m_nn::Weights, Vec<u8>) {
    let graph = zoo::build("mlp-3", &zoo::ZooOptions::new(10, 1, 8, 8)).unwrap();
    let weights = init::initialise(&graph, 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.safetensors");
    weights::write(&file, &weights, None).unwrap();
    (graph, weights, fs::read(file).unwrap())
}

fn repository(text: &str) -> Repository {
    Repository::parse(Path::new(text)).unwrap().unwrap()
}

/// What is said, in the order in which it is.
fn fetched(text: &str, hub: &Hub, cache: &Path) -> Result<Vec<String>, String> {
    let mut said = Vec::new();
    let mut tell = |line: &str| said.push(line.to_owned());
    download(&repository(text), &hub.place(cache), transport().as_ref(), &mut tell).map_err(|e| e.to_string())?;
    Ok(said)
}

fn usual() -> BTreeMap<&'static str, Vec<u8>> {
    let config = br#"{"mean": [0.5], "std": [0.25]}"#.to_vec();
    [("config.json", config), ("model.safetensors", network().2), ("README.md", b"words".to_vec())].into()
}

fn link(path: &Path) -> PathBuf {
    fs::read_link(path).unwrap()
}

#[cfg(unix)]
#[test]
fn a_repository_comes_into_the_cache_as_the_hub_s_programs_lay_it() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(usual(), Fault::default());
    let said = fetched("hf:o/n", &hub, cache.path()).unwrap();
    assert!(said.iter().any(|line| line.starts_with("o/n/model.safetensors of ")), "{said:?}");
    let place = cache.path().join("models--o--n");
    assert_eq!(fs::read_to_string(place.join("refs/main")).unwrap(), COMMIT);
    let snapshot = place.join("snapshots").join(COMMIT);
    let sum = sums::of_bytes(&usual()["model.safetensors"]);
    assert_eq!(link(&snapshot.join("model.safetensors")), Path::new("../../blobs").join(sum));
    assert_eq!(link(&snapshot.join("config.json")), Path::new("../../blobs/name-of-30"));
    assert!(!snapshot.join("README.md").exists());
    let mut blobs: Vec<_> =
        fs::read_dir(place.join("blobs")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    blobs.sort();
    assert_eq!(blobs.len(), 2, "{blobs:?}");

    // The token is the hub's, not the other host's.
    assert_eq!(hub.count(&["/o/n/resolve/", "authorization: bearer secret"]), hub.count(&["/o/n/resolve/"]));
    assert!(hub.count(&["/stored/"]) > 0 && hub.count(&["/stored/", "authorization"]) == 0);

    // They are the weights, by name, branch and commit; nobody is asked for what is there.
    let (graph, weights, _) = network();
    let file = repository("hf:o/n").file_in(cache.path()).unwrap();
    assert_eq!(weights::load(&Source { path: file, key: None }, &graph, Owner::Any).unwrap().weights, weights);
    assert!(repository(&format!("hf:o/n@{COMMIT}")).file_in(cache.path()).is_ok());
    let before = hub.count(&["/stored/"]);
    fetched("hf:o/n@v1.0", &hub, cache.path()).unwrap();
    assert_eq!(fs::read_to_string(place.join("refs/v1.0")).unwrap(), COMMIT);
    assert_eq!(fetched("hf:o/n", &hub, cache.path()).unwrap(), Vec::<String>::new(), "what is there comes again");
    assert!(hub.count(&["/stored/"]) >= before);
}

#[test]
fn what_breaks_off_is_gone_on_with_and_what_is_wrong_is_not_kept() {
    let cache = tempfile::tempdir().unwrap();
    let whole = usual()["model.safetensors"].len();
    let cut = whole / 3;
    let hub = Hub::new(usual(), Fault { cut: Some(cut), ..Fault::default() });
    let said = fetched("hf:o/n", &hub, cache.path()).unwrap();
    assert!(said.iter().any(|line| line.ends_with("from where it broke off")), "{said:?}");
    assert_eq!(hub.count(&["/stored/", &format!("range: bytes={cut}-")]), 1);
    let file = repository("hf:o/n").file_in(cache.path()).unwrap();
    assert_eq!(fs::read(file).unwrap(), usual()["model.safetensors"]);

    let other = tempfile::tempdir().unwrap();
    let hub = Hub::new(usual(), Fault { other_bytes: true, ..Fault::default() });
    let why = fetched("hf:o/n", &hub, other.path()).unwrap_err();
    assert!(why.starts_with("hf:o/n gave o/n/model.safetensors with another checksum"), "{why}");
    assert!(repository("hf:o/n").file_in(other.path()).is_err());
    let left = fs::read_dir(other.path().join("models--o--n/blobs")).unwrap();
    let left: Vec<String> = left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| !name.ends_with(".incomplete")), "{left:?}");
}

#[test]
fn an_index_brings_its_shards_and_a_file_can_be_named() {
    let cache = tempfile::tempdir().unwrap();
    let (graph, weights, _) = network();
    let mut files: BTreeMap<&'static str, Vec<u8>> = BTreeMap::new();
    let mut map = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    for (place, name) in
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"].into_iter().enumerate()
    {
        let part: kd2m_nn::Weights = weights
            .iter()
            .enumerate()
            .filter(|(i, _)| i % 2 == place)
            .map(|(_, (key, t))| (key.clone(), t.clone()))
            .collect();
        map.extend(part.keys().map(|key| format!("\"{key}\": \"{name}\"")));
        weights::write(&folder.path().join(name), &part, None).unwrap();
        files.insert(name, fs::read(folder.path().join(name)).unwrap());
    }
    files.insert("model.safetensors.index.json", format!("{{\"weight_map\": {{{}}}}}", map.join(", ")).into_bytes());
    files.insert("other/t.safetensors", network().2);
    let hub = Hub::new(files, Fault::default());
    for text in ["hf:o/n", "hf:o/n#other/t.safetensors"] {
        fetched(text, &hub, cache.path()).unwrap();
        let file = repository(text).file_in(cache.path()).unwrap();
        assert_eq!(
            weights::load(&Source { path: file, key: None }, &graph, Owner::Any).unwrap().weights,
            weights,
            "{text}"
        );
    }
    let why = fetched("hf:o/n#none.safetensors", &hub, cache.path()).unwrap_err();
    assert!(why.contains("has no none.safetensors: it has model-00001-of-00002.safetensors"), "{why}");
}

#[test]
fn what_the_hub_does_not_give_is_said_in_a_sentence() {
    let cache = tempfile::tempdir().unwrap();
    let why = |files, fault| {
        let hub = Hub::new(files, fault);
        fetched("hf:o/n", &hub, cache.path()).unwrap_err()
    };
    let status = |status| why(usual(), Fault { status: Some(status), ..Fault::default() });
    assert!(status(404).contains("there is no such repository") && status(401).contains("HF_TOKEN"));
    assert!(status(500).ends_with("the hub answers 500"), "{}", status(500));
    assert!(why(usual(), Fault { elsewhere: true, ..Fault::default() }).contains("a file that is none"));
    assert!(why([("README.md", Vec::new())].into(), Fault::default()).contains("holds no weights"));
    let two = [("a.pth", b"a".to_vec()), ("b.pth", b"b".to_vec())].into();
    assert!(why(two, Fault::default()).contains("several files of weights (a.pth, b.pth): name one as #FILE"));
    let nowhere = Place { endpoint: "http://127.0.0.1:1".to_owned(), cache: cache.path().to_owned(), token: None };
    let said = download(&repository("hf:o/n"), &nowhere, transport().as_ref(), &mut |_| {}).unwrap_err().to_string();
    assert!(said.starts_with("hf:o/n cannot be had from http://127.0.0.1:1/api"), "{said}");
    assert!(
        fs::read_dir(cache.path()).unwrap().next().is_none() || repository("hf:o/n").file_in(cache.path()).is_err()
    );
}
