//! What carries requests to a server on this machine.

#[cfg(not(feature = "download"))]
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

#[cfg(not(feature = "download"))]
use kd2m::hub::Reply;
use kd2m::hub::Transport;

/// Plain connections, as far as this server needs them.
#[cfg(not(feature = "download"))]
struct Plain;

#[cfg(not(feature = "download"))]
impl Transport for Plain {
    fn get(&self, url: &str, headers: &[(&str, String)]) -> Result<Reply, String> {
        let (host, path) =
            url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or("no plain address")?;
        let mut stream = TcpStream::connect(host).map_err(|e| e.to_string())?;
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n").map_err(|e| e.to_string())?;
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while reader.read_line(&mut head).map_err(|e| e.to_string())? > 2 {}
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or("no status")?;
        let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Ok(Reply { status, headers: head.lines().filter_map(pair).collect(), body: Box::new(reader) })
    }
}

/// The program's own connections where it has some.
pub fn transport() -> Box<dyn Transport> {
    #[cfg(feature = "download")]
    return Box::new(kd2m::hub::Network);
    #[cfg(not(feature = "download"))]
    Box::new(Plain)
}
