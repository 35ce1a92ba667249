//! The picture: tiles for tasks, their pixels together, and a file of them.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use distributed::{Client, progress};

use crate::tasks::{RENDER, Tile};

/// The tiles' side, in pixels.
pub(crate) const SIDE: u32 = 32;

/// Steps after which a point counts as one of the set.
const LIMIT: u32 = 1_000;

/// All pixels' steps, row by row; a bar shows how many tiles are done.
///
/// # Errors
/// The first task's that has no value.
pub(crate) fn render(client: &Client, size: u32) -> Result<Vec<u32>, distributed::Error> {
    let corners = (0..size).step_by(SIDE as usize);
    let at = corners.clone().flat_map(|y| corners.clone().map(move |x| (x, y)));
    let tiles: Vec<_> = at.map(|at| Tile { size, at, side: SIDE, limit: LIMIT }).collect();
    let futures = client.map(&RENDER, tiles.iter().copied());
    progress(&futures);
    let mut picture = vec![0; size as usize * size as usize];
    for (tile, pixels) in tiles.iter().zip(client.gather(futures)?) {
        for (row, pixels) in pixels.chunks(SIDE as usize).enumerate() {
            let begin = (tile.at.1 as usize + row) * size as usize + tile.at.0 as usize;
            picture[begin..begin + pixels.len()].copy_from_slice(pixels);
        }
    }
    Ok(picture)
}

/// What a picture comes to: two that differ in a pixel differ here.
pub(crate) fn summary(picture: &[u32]) -> String {
    let inside = picture.iter().filter(|steps| **steps == LIMIT).count();
    // FNV-1a, of each pixel as a whole.
    let mixed = picture.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, steps| {
        (hash ^ u64::from(*steps)).wrapping_mul(0x100_0000_01B3)
    });
    format!("{inside} of {} pixels are in the set; checksum {mixed:016x}", picture.len())
}

/// Whether a file can be written there, before there is anything to write: nothing
/// is left of the attempt, and what is there stays as it is.
///
/// # Errors
/// Why not.
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            // This file has no name, so it is gone even if this program is killed.
            tempfile::tempfile_in(
                path.parent().filter(|p| *p != Path::new("")).unwrap_or(".".as_ref()),
            )
            .map(drop)
        }
        other => other.map(drop),
    }
}

/// Writes the picture as a PNG: the set in black, around it the brighter the longer a
/// point takes to escape.
///
/// The pixels are not compressed, which the format allows; that is a checksum or two,
/// where a crate for pictures would be six for everybody who runs the tests.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write(path: &Path, picture: &[u32], size: u32) -> io::Result<()> {
    let rows = picture.chunks(size as usize);
    // Each row begins with how it is predicted from the one above: not at all.
    let pixels: Vec<u8> = rows
        .flat_map(|row| std::iter::once(0).chain(row.iter().map(|steps| shade(*steps))))
        .collect();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    // Width, height; eight bits a pixel, which is a place in the palette.
    let [width, height] = [size.to_be_bytes(); 2];
    chunk(&mut png, *b"IHDR", &[&width[..], &height, &[8, 3, 0, 0, 0]].concat());
    chunk(&mut png, *b"PLTE", &(0..=u8::MAX).flat_map(colour).collect::<Vec<_>>());
    chunk(&mut png, *b"IDAT", &stored(&pixels));
    chunk(&mut png, *b"IEND", &[]);
    fs::write(path, png)
}

fn shade(steps: u32) -> u8 {
    match steps {
        LIMIT => 0,
        steps => (f64::from(steps + 1).ln() / f64::from(LIMIT).ln() * 255.0).min(255.0) as u8,
    }
}

/// From black over blue to white.
fn colour(shade: u8) -> [u8; 3] {
    let (light, dark) = (u16::from(shade), u16::from(255 - shade));
    [(light * light / 255) as u8, shade, (255 - dark * dark / 255) as u8]
}

/// A part of a PNG: length, name, data, and the checksum of the last two (CRC-32).
fn chunk(png: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    png.extend(name);
    png.extend(data);
    let checksum = name.iter().chain(data).fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    png.extend((!checksum).to_be_bytes());
}

/// Data as zlib has it (RFC 1950 and 1951), in blocks that are stored as they are.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (a, b) = data.iter().fold((1_u32, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}
