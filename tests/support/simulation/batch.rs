//! Runs many histories, on all cores.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};

use super::figures::Figures;
use super::history::History;
use super::provider::Speed;
use super::world::{self, Broken, Report};

/// So many broken histories are enough to look at.
const ENOUGH: usize = 10;

/// How many real histories each core runs at a time: they wait more than they work.
const AT_A_TIME: usize = 64;

/// How long a broken history is tried to be made shorter.
const SHRINKING: Duration = Duration::from_secs(120);

/// What came of a batch: its figures, and each broken history with its seed.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) figures: Figures,
    pub(crate) broken: Vec<(u64, Broken)>,
}

/// Runs the histories of the seeds; ends early if many break a promise.
pub(crate) fn run(speed: Speed, seeds: Range<u64>) -> Batch {
    let start = Instant::now();
    let batch = Mutex::new(Batch::default());
    let next = AtomicU64::new(seeds.start);
    let draw = || {
        let enough = batch.lock().unwrap().broken.len() >= ENOUGH;
        let seed = next.fetch_add(1, Ordering::Relaxed);
        (!enough && seed < seeds.end).then_some(seed)
    };
    let count = |seed, outcome: Result<Report, Broken>| {
        let mut batch = batch.lock().unwrap();
        batch.figures.count(&outcome);
        batch.broken.extend(outcome.err().map(|broken| (seed, broken)));
    };
    let work = || match speed {
        Speed::Simulated => {
            while let Some(seed) = draw() {
                count(seed, world::run(&History::draw(seed, speed), speed));
            }
        }
        Speed::Real => world::runtime(speed).block_on(
            stream::iter(std::iter::from_fn(draw))
                .map(async |seed| (seed, world::live(&History::draw(seed, speed), speed).await))
                .buffer_unordered(AT_A_TIME)
                .for_each(async |(seed, outcome)| count(seed, outcome)),
        ),
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut batch = batch.into_inner().unwrap();
    batch.figures.took = start.elapsed();
    batch
}

/// All that is needed to see why the history of a seed breaks a promise: the shortest that does so too, and what happens
/// in it. A real history may break it only sometimes: then it is told as it was.
pub(crate) fn explain(speed: Speed, seed: u64, broken: Broken) -> String {
    let until = Instant::now() + SHRINKING;
    let history = History::draw(seed, speed);
    let breaks = |history: &History| {
        let outcome = (Instant::now() < until).then(|| world::run(history, speed));
        matches!(outcome, Some(Err(also)) if also.promise == broken.promise)
    };
    let shortest = history.clone().shrink(breaks);
    let told = match world::run(&shortest, speed) {
        Err(broken) => broken.told(&shortest),
        Ok(_) => broken.told(&history),
    };
    format!("seed {seed}, {speed:?}: {}\n{told}", broken.why)
}
