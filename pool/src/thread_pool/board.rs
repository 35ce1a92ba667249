//! The maps under way that would like help.
//!
//! Whoever maps posts its [`Loan`] here, with the number of helpers that it can
//! use, and withdraws it when no item is left. Nothing stays behind when a
//! map ends, whether or not anybody came: the board is as long as the maps that
//! are under way.

use crate::loan::Loan;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, lock};

/// Loans that want helpers.
#[derive(Debug)]
pub(crate) struct Board {
    /// How many loans are posted, for those who only look in passing.
    open: AtomicUsize,
    posts: Mutex<Vec<Post>>,
}

#[derive(Debug)]
struct Post {
    loan: Arc<Loan>,
    /// How many more may come; never zero.
    wanted: usize,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self { open: AtomicUsize::new(0), posts: Mutex::new(Vec::new()) }
    }

    /// Whether anybody wants help. The answer may be out of date at once.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Asks for so many helpers until the result is dropped.
    pub(crate) fn post(&self, loan: &Arc<Loan>, wanted: usize) -> Posted<'_> {
        if wanted > 0 {
            let mut posts = lock(&self.posts);
            posts.push(Post { loan: Arc::clone(loan), wanted });
            self.open.store(posts.len(), Ordering::Relaxed);
        }
        Posted { board: self, loan: Arc::clone(loan) }
    }

    /// Takes the place of one helper, of the map that has waited longest.
    pub(crate) fn take(&self) -> Option<Arc<Loan>> {
        if !self.is_open() {
            return None;
        }
        let mut posts = lock(&self.posts);
        let post = posts.first_mut()?;
        post.wanted -= 1;
        let loan = Arc::clone(&post.loan);
        if post.wanted == 0 {
            posts.remove(0);
            self.open.store(posts.len(), Ordering::Relaxed);
        }
        Some(loan)
    }
}

/// Withdraws the loan when it is dropped, by a panic too.
pub(crate) struct Posted<'a> {
    board: &'a Board,
    loan: Arc<Loan>,
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        let mut posts = lock(&self.board.posts);
        posts.retain(|post| !Arc::ptr_eq(&post.loan, &self.loan));
        self.board.open.store(posts.len(), Ordering::Relaxed);
    }
}
