//! The command line.

use std::path::PathBuf;

pub(crate) const HELP: &str = "\
The Mandelbrot set in tiles, each a task, on this machine's cluster or on Dask's.

  cluster --local             worker processes of this program (what it does unless told otherwise)
  cluster --dask              a scheduler and two workers of Dask's, started here and ended; makes
                              what they need: the library of tasks, and a Python with Dask
  cluster --dask ADDRESS      a Dask cluster that is there, such as tcp://host:8786
                              (POLYPHONY_CLUSTER may name it, as scripts/dask-cluster does)

  --size N        the picture's side in pixels, a multiple of 32 (1024)
  --picture FILE  where it goes, a PNG (mandelbrot.png)
  --overhead N    no picture: what each of N calls costs that do next to nothing, and beside it,
                  on Dask, what a task of Python's own costs there
";

pub(crate) struct Options {
    pub(crate) cluster: Cluster,
    /// The picture's side, in pixels: a multiple of the tiles'.
    pub(crate) size: u32,
    pub(crate) picture: PathBuf,
    /// So many calls of next to nothing, in place of the picture.
    pub(crate) overhead: Option<u32>,
}

/// Where the tasks run.
pub(crate) enum Cluster {
    Local,
    /// At this address, or on one that is started for the purpose.
    Dask(Option<String>),
}

/// What is asked for; `None` is the help.
///
/// # Errors
/// What cannot be understood, in one line.
pub(crate) fn parse(
    arguments: impl Iterator<Item = String>,
    tile: u32,
) -> Result<Option<Options>, String> {
    let (cluster, picture) = (Cluster::Local, "mandelbrot.png".into());
    let mut options = Options { cluster, size: 1_024, picture, overhead: None };
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let mut value = |what| arguments.next().ok_or(format!("{argument} needs {what}"));
        match &argument[..] {
            "--help" | "-h" => return Ok(None),
            "--local" => options.cluster = Cluster::Local,
            "--dask" => {
                let named = arguments.next_if(|next| !next.starts_with('-'));
                // Where `scripts/dask-cluster` has started one.
                let address = named.or_else(|| std::env::var("POLYPHONY_CLUSTER").ok());
                options.cluster = Cluster::Dask(address);
            }
            "--size" => options.size = number(&argument, &value("a number of pixels")?)?,
            "--overhead" => {
                options.overhead = Some(number(&argument, &value("a number of calls")?)?);
            }
            "--picture" => options.picture = value("a file")?.into(),
            other => return Err(format!("there is no {other}; --help says what there is")),
        }
    }
    if !options.size.is_multiple_of(tile) {
        return Err(format!("--size must be a multiple of {tile}, not {}", options.size));
    }
    Ok(Some(options))
}

/// A whole number from 1.
fn number(of: &str, text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or(format!("{of} needs a whole number from 1, not {text:?}"))
}
