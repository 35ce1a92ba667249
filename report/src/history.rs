//! `report history`: runs in a JSONL file, and the median of the last of them.
