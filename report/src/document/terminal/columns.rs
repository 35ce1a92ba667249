//! How wide columns are, and which of them stand beside one another.

use super::Table;
use super::line::Line;

/// Spaces between columns.
pub(super) const GAP: usize = 2;

/// A cell that is wider is prose, which may be wrapped; figures are narrower.
const PROSE: usize = 32;

/// Columns that stand beside one another: which, and how wide.
pub(super) type Group = Vec<(usize, usize)>;

/// What a column would take, and what it must have.
#[derive(Clone, Copy)]
struct Want {
    natural: usize,
    least: usize,
}

/// All columns as one group if they fit, where need be with prose wrapped; else
/// as many groups as it takes, each with the first column.
pub(super) fn groups(table: &Table, width: usize) -> Vec<Group> {
    let mut wants: Vec<Want> = (0..table.heads.len()).map(|column| want(table, column)).collect();
    let least = wants.iter().map(|want| want.least + GAP).sum::<usize>();
    if let Some(first) = wants.first_mut().filter(|_| least > width.saturating_add(GAP)) {
        // It is repeated in each group, so it leaves half of the room to others.
        first.least = first.least.min((width / 2).max(8));
    }
    let Some((first, others)) = wants.split_first() else { return Vec::new() };
    let fits = |least: usize, more: usize| least.saturating_add(GAP + more) <= width;
    let mut groups: Vec<Vec<usize>> = vec![vec![0]];
    let mut used = first.least;
    for (place, want) in others.iter().enumerate() {
        let alone = groups.last().is_some_and(|group| group.len() == 1);
        if !fits(used, want.least) && !alone {
            groups.push(vec![0]);
            used = first.least;
        }
        if let Some(group) = groups.last_mut() {
            group.push(place + 1);
        }
        used += GAP + want.least;
    }
    groups.into_iter().map(|group| share(&group, &wants, width)).collect()
}

fn want(table: &Table, column: usize) -> Want {
    let cells = table.rows.iter().filter_map(|row| row.get(column)).flatten();
    let lines = || table.heads[column].iter().chain(cells.clone());
    let natural = lines().map(Line::width).max().unwrap_or(0);
    if natural <= PROSE {
        return Want { natural, least: natural };
    }
    // Of a prose column, no line need be wider than its widest word; what is
    // wider than prose usually is gets broken.
    let least = lines().map(Line::widest_word).max().unwrap_or(0).clamp(20, PROSE);
    Want { natural, least: least.min(natural) }
}

/// Each column its least, and what is left over to those that would take more,
/// the most modest first.
fn share(group: &[usize], wants: &[Want], width: usize) -> Group {
    let mut widths: Vec<usize> = group.iter().map(|&column| wants[column].least).collect();
    let used = widths.iter().sum::<usize>() + GAP * (group.len() - 1);
    let mut spare = width.saturating_sub(used);
    let mut hungry: Vec<usize> = (0..group.len()).collect();
    let more = |place: &usize| wants[group[*place]].natural - wants[group[*place]].least;
    hungry.sort_by_key(more);
    for (fed, place) in hungry.iter().enumerate() {
        let given = more(place).min(spare / (hungry.len() - fed));
        widths[*place] += given;
        spare -= given;
    }
    // A column that is wider than the terminal is cut to it, if there is room
    // for anything beside the first.
    if let [first, only] = widths.as_mut_slice() {
        let room = width.saturating_sub(*first + GAP);
        *only = (*only).min(room.max(8));
    }
    group.iter().copied().zip(widths).collect()
}
