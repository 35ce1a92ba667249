//! `report doctor`: what is wrong with a tree, and what to do about it.
