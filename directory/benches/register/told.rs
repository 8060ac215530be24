//! What is told: a table with a column for each number of people.

use std::fmt::Arguments;
use std::io::Write as _;
use std::time::Duration;

use sqlx::{AnyConnection, Connection as _, raw_sql};

/// What was measured for one number of people, in the order in which it was.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    people: u64,
    rows: Vec<(&'static str, String)>,
    missed: Vec<&'static str>,
}

/// Columns side by side.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Column>);

impl Column {
    pub(crate) fn new(people: u64) -> Self {
        Self { people, rows: Vec::new(), missed: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn say(&mut self, what: &'static str, value: String) {
        // At once, so that whoever waits sees how far it is.
        tell(format_args!("  {:>9}  {what:<44}{value}", self.people));
        self.rows.push((what, value));
    }

    /// Notes whether a goal was reached, and says it.
    pub(crate) fn verdict(&mut self, what: &'static str, reached: bool) -> &'static str {
        if reached {
            return " ok";
        }
        self.missed.push(what);
        " MISSED"
    }

    /// Adds times: the middle one, and the one that 99 of 100 stay below, held against a goal.
    pub(crate) fn times(&mut self, what: &'static str, mut times: Vec<Duration>, goal: Option<Duration>) {
        times.sort();
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
        let (middle, high) = (at(50).copied().unwrap_or_default(), at(99).copied().unwrap_or_default());
        let verdict = goal.map_or("", |goal| self.verdict(what, high <= goal));
        self.say(what, format!("{} / {}{verdict}", milliseconds(middle), milliseconds(high)));
    }

    /// Adds a rate, held against a goal.
    pub(crate) fn rate(&mut self, what: &'static str, many: usize, took: Duration, goal: Option<f64>) -> f64 {
        let rate = f64::from(u32::try_from(many).unwrap_or(u32::MAX)) / took.as_secs_f64().max(1e-9);
        let verdict = goal.map_or("", |goal| self.verdict(what, rate >= goal));
        self.say(what, format!("{rate:.0}/s{verdict}"));
        rate
    }
}

impl Table {
    pub(crate) fn add(&mut self, column: Column) {
        self.0.push(column);
    }

    /// The goals that were missed, with for how many people.
    pub(crate) fn missed(&self) -> Vec<(u64, &'static str)> {
        let of = |column: &Column| {
            let people = column.people;
            column.missed.iter().map(move |what| (people, *what)).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of).collect()
    }

    /// Tells it all.
    pub(crate) fn show(&self) {
        let Some(first) = self.0.first() else { return };
        let heads: String = self
            .0
            .iter()
            .map(|column| format!("{:>28}", format!("{} people", column.people)))
            .collect::<Vec<_>>()
            .concat();
        tell(format_args!("{:<44}{heads}", "times: middle / 99 of 100"));
        for (at, (what, _)) in first.rows.iter().enumerate() {
            let value = |column: &Column| column.rows.get(at).map_or_else(String::new, |row| row.1.clone());
            let values: Vec<String> = self.0.iter().map(|column| format!("{:>28}", value(column))).collect();
            let values = values.concat();
            tell(format_args!("{what:<44}{values}"));
        }
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// The load of the machine, as it says it.
pub(crate) fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// Lets `PostgreSQL` look at its tables, as it does by itself after a while.
pub(crate) async fn analysed(url: &str) {
    let mut connection = AnyConnection::connect(url).await.expect("the database of the bench answers");
    raw_sql("ANALYZE").execute(&mut connection).await.expect("the tables can be looked at");
    connection.close().await.expect("the connection closes");
}

pub(crate) fn tell(line: Arguments<'_>) {
    // Nobody reads on when it cannot be written.
    let _written = writeln!(std::io::stdout(), "{line}");
}
