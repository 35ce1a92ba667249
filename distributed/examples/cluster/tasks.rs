//! The tasks of the example, which the program and the library share.

use processes::{Registry, Task};
use serde::{Deserialize, Serialize};

/// A square part of the picture.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Tile {
    /// The picture's side, in pixels.
    pub(crate) size: u32,
    /// Where in it the tile begins: column and row.
    pub(crate) at: (u32, u32),
    /// The tile's own side, in pixels; it ends inside the picture.
    pub(crate) side: u32,
    /// After so many steps a point counts as one of the set.
    pub(crate) limit: u32,
}

/// How many steps each pixel of a tile takes to escape, row by row.
pub(crate) const RENDER: Task<Tile, Vec<u32>> = Task::new("render", |tile| {
    let rows = tile.at.1..tile.at.1 + tile.side;
    rows.flat_map(|y| (0..tile.side).map(move |x| (tile.at.0 + x, y)))
        .map(|pixel| steps(tile, pixel))
        .collect()
});

/// Steps of z = z² + c from 0 until |z| > 2, at most the limit.
fn steps(tile: Tile, (x, y): (u32, u32)) -> u32 {
    // The picture shows -2 to 0.5 and -1.25i to 1.25i.
    let step = 2.5 / f64::from(tile.size);
    let (re, im) = (f64::from(x) * step - 2.0, f64::from(y) * step - 1.25);
    let (mut a, mut b) = (0.0_f64, 0.0_f64);
    for done in 0..tile.limit {
        let (aa, bb) = (a * a, b * b);
        if aa + bb > 4.0 {
            return done;
        }
        (a, b) = (aa - bb + re, 2.0 * a * b + im);
    }
    tile.limit
}

pub(crate) fn registry() -> Registry {
    Registry::new().with(&RENDER)
}
