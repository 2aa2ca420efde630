//! A budget for rows of figures: a limit, and how much a figure may grow.

/// One thing that is limited, in rows of one kind.
pub struct Budget<R: 'static> {
    /// Of what.
    pub what: &'static str,
    /// Counted in this.
    pub unit: &'static str,
    /// How much above its limit a figure may be.
    pub slack: f64,
    /// How many times what it was a figure may be.
    pub growth: f64,
    /// How much there may be; `None` where the row has no such budget.
    pub limit: fn(&R) -> Option<f64>,
    /// How much there is, beside the others.
    pub figure: fn(&R, &[R]) -> f64,
}

/// A row of a table of figures.
pub trait Row {
    /// `upload, stored`.
    fn name(&self) -> String;
}

/// All of `rows` that is over a budget, or has grown since `earlier` as far as that has the same row.
pub fn excesses<R: Row>(budgets: &[Budget<R>], rows: &[R], earlier: &[R]) -> Vec<String> {
    let of = |row| {
        let before = earlier.iter().find(|before: &&R| before.name() == R::name(row));
        budgets
            .iter()
            .filter_map(move |budget| budget.excess(row, rows).or_else(|| budget.growth(row, rows, before?, earlier)))
    };
    rows.iter().flat_map(of).collect()
}

impl<R: Row> Budget<R> {
    fn excess(&self, row: &R, rows: &[R]) -> Option<String> {
        let (budget, figure) = ((self.limit)(row)?, (self.figure)(row, rows));
        let Self { what, unit, slack, .. } = self;
        let name = row.name();
        (figure > budget * slack)
            .then(|| format!("{name}: {what} is {figure:.2} {unit}; the budget is {budget} and a slack of {slack}"))
    }

    fn growth(&self, row: &R, rows: &[R], before: &R, earlier: &[R]) -> Option<String> {
        (self.limit)(row)?;
        let (figure, was) = ((self.figure)(row, rows), (self.figure)(before, earlier));
        let Self { what, unit, growth, .. } = self;
        (figure > was * growth).then(|| {
            format!(
                "{}: {what} is {figure:.2} {unit} and was {was:.2}, where {growth} times as much may be",
                row.name()
            )
        })
    }
}
