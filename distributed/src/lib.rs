//! A Client that hands tasks to whichever worker is free.
