// SPDX-License-Identifier: Apache-2.0
//! The server matrix's application (tests/integration/matrix/program.py) on Rust's standard
//! library alone, with a thread per connection.
//!
//!     server PORT FILE ACCEPT
//!
//! FILE is what /file serves, ACCEPT the Sec-WebSocket-Accept of the one key that the test sends.
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn _exit(status: i32) -> !;
}

const SIGTERM: i32 = 15;

extern "C" fn end(_signal: i32) {
    unsafe { _exit(0) }
}

struct Request {
    method: String,
    path: String,
    minor: u8,
    fields: HashMap<String, String>,
}

impl Request {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.as_str())
    }

    fn keeps_alive(&self) -> bool {
        self.minor == 1 && self.field("connection") != "close"
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_string())
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    reader.read_line(&mut text)?;
    if !text.ends_with('\n') {
        return Err(broken("the connection ended"));
    }
    Ok(text.trim_end().to_string())
}

/// The next request's head; None at the end of the connection.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    if reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let first = line(reader)?;
    let words: Vec<&str> = first.split(' ').collect();
    if words.len() != 3 {
        return Err(broken("not a request line"));
    }
    let mut request = Request {
        method: words[0].to_string(),
        path: words[1].split('?').next().unwrap().to_string(),
        minor: if words[2] == "HTTP/1.0" { 0 } else { 1 },
        fields: HashMap::new(),
    };
    loop {
        let text = line(reader)?;
        if text.is_empty() {
            return Ok(Some(request));
        }
        let (name, value) = text.split_once(':').ok_or_else(|| broken("not a field"))?;
        request
            .fields
            .insert(name.to_lowercase(), value.trim().to_string());
    }
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb88320 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

static CRC: [u32; 256] = crc_table();

fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| CRC[((crc ^ *byte as u32) & 255) as usize] ^ crc >> 8;
    !bytes.iter().fold(!crc, step)
}

/// Reads exactly `size` bytes of a body into the sums.
fn take(reader: &mut impl Read, size: usize, sums: &mut (usize, u32)) -> io::Result<()> {
    let mut bytes = vec![0; size];
    reader.read_exact(&mut bytes)?;
    *sums = (sums.0 + size, crc32(sums.1, &bytes));
    Ok(())
}

/// Length and CRC of the request's body.
fn read_body(request: &Request, reader: &mut impl BufRead) -> io::Result<(usize, u32)> {
    let mut sums = (0, 0);
    if request.field("transfer-encoding") != "chunked" {
        let size = request.field("content-length").parse().unwrap_or(0);
        take(reader, size, &mut sums)?;
        return Ok(sums);
    }
    loop {
        let size = usize::from_str_radix(&line(reader)?, 16).map_err(|_| broken("no size"))?;
        take(reader, size, &mut sums)?;
        line(reader)?;
        if size == 0 {
            return Ok(sums);
        }
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

fn answer(to: &mut TcpStream, request: &Request, status: usize, body: &[u8]) -> io::Result<()> {
    let connection = if request.keeps_alive() { "keep-alive" } else { "close" };
    let mut head = format!("HTTP/1.1 {} Said\r\nConnection: {}\r\n", status, connection);
    let bare = status == 204 || status == 304;
    if status != 204 {
        // Of a 304 it is what a 200 would have had, as of a HEAD.
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    head += "\r\n";
    to.write_all(head.as_bytes())?;
    if bare || request.method == "HEAD" {
        return Ok(());
    }
    to.write_all(body)
}

fn answer_chunked(to: &mut TcpStream, request: &Request, body: &[u8]) -> io::Result<()> {
    if request.minor == 0 {
        to.write_all(b"HTTP/1.1 200 Said\r\nConnection: close\r\n\r\n")?;
        return to.write_all(body);
    }
    to.write_all(b"HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    for piece in body.chunks(body.len() / 4 + 1) {
        to.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
        to.write_all(piece)?;
        to.write_all(b"\r\n")?;
    }
    to.write_all(b"0\r\n\r\n")
}

fn answer_file(to: &mut TcpStream, request: &Request, path: &str) -> io::Result<()> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let connection = if request.keeps_alive() { "keep-alive" } else { "close" };
    to.write_all(
        format!(
            "HTTP/1.1 200 Said\r\nConnection: {}\r\nContent-Length: {}\r\n\r\n",
            connection, size
        )
        .as_bytes(),
    )?;
    io::copy(&mut file, to)?;
    Ok(())
}

fn echo(to: &mut TcpStream, reader: &mut impl BufRead, accept: &str) -> io::Result<()> {
    to.write_all(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            accept
        )
        .as_bytes(),
    )?;
    loop {
        let bytes = reader.fill_buf()?;
        let size = bytes.len();
        if size == 0 {
            return Ok(());
        }
        to.write_all(bytes)?;
        reader.consume(size);
    }
}

fn serve(stream: TcpStream, file: &str, accept: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut to = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_head(&mut reader)? {
        if request.field("expect") == "100-continue" {
            to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let (size, crc) = read_body(&request, &mut reader)?;
        let words: Vec<&str> = request.path[1..].split('/').collect();
        let number: usize = words.get(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        match words[0] {
            "status" => {
                answer(&mut to, &request, number, format!("status {}\n", number).as_bytes())?
            }
            "bytes" => answer(&mut to, &request, 200, &content(number))?,
            "chunked" => answer_chunked(&mut to, &request, &content(number))?,
            "file" => answer_file(&mut to, &request, file)?,
            "echo" => answer(&mut to, &request, 200, format!("{} {:08x}\n", size, crc).as_bytes())?,
            "upgrade" => return echo(&mut to, &mut reader, accept),
            _ => answer(&mut to, &request, 404, b"none\n")?,
        }
        if !request.keeps_alive() {
            break;
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    unsafe { signal(SIGTERM, end) };
    let listener = TcpListener::bind(format!("127.0.0.1:{}", arguments[1]))?;
    for stream in listener.incoming() {
        let stream = stream?;
        let (file, accept) = (arguments[2].clone(), arguments[3].clone());
        thread::spawn(move || serve(stream, &file, &accept));
    }
    Ok(())
}
