//! What was seen, held against its goal: a row for each, and an end with 1 when one was missed. Which cases are measured is said on the
//! command line.

use std::cmp::Ordering;

use anyhow::ensure;

use crate::rig::line;

/// What a value has to come to: so much at least (`Greater`), or at most (`Less`).
pub(crate) type Goal = (Ordering, f64);

/// The cases that are measured, and what was seen so far.
pub(crate) struct Goals {
    chosen: Vec<String>,
    rows: Vec<String>,
    missed: usize,
}

impl Goals {
    /// For the cases that were named, which are all when none is; refuses a name that is none of these.
    pub(crate) fn new(cases: &[&str], named: Vec<String>) -> anyhow::Result<Self> {
        for name in &named {
            ensure!(cases.contains(&name.as_str()), "there is no case {name}, but {}", cases.join(", "));
        }
        let all = || cases.iter().map(|case| (*case).to_owned()).collect();
        let chosen = if named.is_empty() { all() } else { named };
        Ok(Self { chosen, rows: Vec::new(), missed: 0 })
    }

    /// Whether one of these cases is measured.
    pub(crate) fn want(&self, cases: &[&str]) -> bool {
        cases.iter().any(|case| self.chosen.iter().any(|chosen| chosen == case))
    }

    /// Adds a row; what has no goal is told alone.
    pub(crate) fn row(&mut self, what: &str, unit: &str, seen: f64, goal: Option<Goal>) {
        let Some((better, value)) = goal else {
            self.rows.push(format!("| {what} | | {} {unit} | | |", figure(seen)));
            return;
        };
        // What is no number has reached nothing.
        let met = seen.partial_cmp(&value).is_some_and(|found| found == better || found == Ordering::Equal);
        self.missed += usize::from(!met);
        self.rows.push(format!(
            "| {what} | {} {} {unit} | {} {unit} | {:.2} | {} |",
            if better == Ordering::Less { "at most" } else { "at least" },
            figure(value),
            figure(seen),
            seen / value,
            if met { "met" } else { "MISSED" },
        ));
    }

    /// Goes on after a case, one that ended before its end too: that is a goal missed, and the others are measured all the same.
    pub(crate) fn after(&mut self, case: &str, done: anyhow::Result<()>) {
        if let Err(error) = done {
            line(format_args!("{case} ended: {error:#}"));
            self.missed += 1;
            self.rows.push(format!("| {case} | | ended before its end | | MISSED |"));
        }
    }

    /// Tells all rows, as a table of Markdown; an error when a goal was missed.
    pub(crate) fn tell(self) -> anyhow::Result<()> {
        line("\n| what | goal | seen | seen / goal | |\n|---|---|---|---|---|");
        for row in &self.rows {
            line(row);
        }
        line(format_args!("\nload at the end: {}", std::fs::read_to_string("/proc/loadavg")?.trim()));
        ensure!(self.missed == 0, "{} goals were missed", self.missed);
        Ok(())
    }
}

/// As many places as say something.
fn figure(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
