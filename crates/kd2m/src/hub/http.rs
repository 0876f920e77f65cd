//! Questions to the hub. Redirects are followed here and not below: the first answer, not the last, says which file it is, and a token goes
//! to nobody but the hub.

use std::io::Read;

use super::place::Place;

/// Answers on the way to a file; more go round in circles.
const MOST_REDIRECTS: usize = 10;
/// Bytes of a list of files: a hundred thousand names.
const MOST_LISTED: u64 = 16 << 20;

/// What one request brings.
pub struct Reply {
    /// Of HTTP.
    pub status: u16,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// What comes, as it comes.
    pub body: Box<dyn Read>,
}

/// What carries requests: a client of HTTP that follows no redirects and takes every status for an answer.
pub trait Transport {
    /// The answer to GET with these headers.
    ///
    /// # Errors
    /// What failed on the way, in words.
    fn get(&self, url: &str, headers: &[(&str, String)]) -> Result<Reply, String>;
}

/// Who asks.
pub(crate) struct Client<'a> {
    pub transport: &'a dyn Transport,
    pub place: &'a Place,
}

/// An answer, and what the hub says of the file in it.
pub(crate) struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// The file's name among blobs: of large files their SHA-256.
    pub tag: Option<String>,
    /// Bytes of the whole file.
    pub size: Option<u64>,
    /// What comes, as it comes.
    pub body: Box<dyn Read>,
}

impl Client<'_> {
    /// The answer to a path of the hub, from a byte on.
    ///
    /// # Errors
    /// What failed on the way, in words.
    pub fn get(&self, path: &str, from: u64) -> Result<Answer, String> {
        let mut url = format!("{}{path}", self.place.endpoint);
        let (mut tag, mut size) = (None, None);
        for _ in 0..=MOST_REDIRECTS {
            let Reply { status, headers, body } = self.ask(&url, from)?;
            let header = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
            let number = |name: &str| header(name).and_then(|text| text.parse::<u64>().ok());
            tag = tag.or_else(|| header("x-linked-etag"));
            size = size.or_else(|| number("x-linked-size"));
            if let (300..=399, Some(next)) = (status, header("location")) {
                url = joined(&url, &next).ok_or_else(|| format!("leads to {next}, which is no address"))?;
                continue;
            }
            // `bytes 100-199/200`
            let whole = header("content-range").and_then(|range| range.rsplit_once('/')?.1.parse().ok());
            let length = || number("content-length").filter(|_| status == 200);
            let plain = |tag: String| tag.trim_start_matches("W/").trim_matches('"').to_owned();
            let tag = tag.or_else(|| header("etag")).map(plain);
            return Ok(Answer { status, tag, size: size.or(whole).or_else(length), body });
        }
        Err(format!("leads on and on, after {MOST_REDIRECTS} answers to {url}"))
    }

    fn ask(&self, url: &str, from: u64) -> Result<Reply, String> {
        let mut headers = Vec::new();
        if let Some(token) = self.place.token.as_ref().filter(|_| host(url) == host(&self.place.endpoint)) {
            headers.push(("authorization", format!("Bearer {token}")));
        }
        if from > 0 {
            headers.push(("range", format!("bytes={from}-")));
        }
        self.transport.get(url, &headers).map_err(|why| format!("cannot be had from {url}: {why}"))
    }
}

impl Answer {
    /// A text that is not long.
    ///
    /// # Errors
    /// A connection that breaks, or bytes that are no text.
    pub fn text(self) -> Result<String, String> {
        let mut text = String::new();
        self.body.take(MOST_LISTED).read_to_string(&mut text).map_err(|e| e.to_string())?;
        Ok(text)
    }
}

/// What a status of HTTP means here.
pub(super) fn said(status: u16) -> String {
    match status {
        401 | 403 => {
            format!("{status}: it is private or asks for consent; put a token of an account that has it into HF_TOKEN")
        }
        404 => format!("{status}: there is no such repository, revision or file, or it is private (HF_TOKEN)"),
        429 => format!("{status}: it was asked too often, try again later"),
        _ => status.to_string(),
    }
}

/// `HOST:PORT` of an address.
pub(super) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

/// An address that is given whole or from the root of its host.
fn joined(from: &str, to: &str) -> Option<String> {
    if to.starts_with("http://") || to.starts_with("https://") {
        return Some(to.to_owned());
    }
    let scheme = from.split_once("://")?.0;
    to.starts_with('/').then(|| format!("{scheme}://{}{to}", host(from)))
}
