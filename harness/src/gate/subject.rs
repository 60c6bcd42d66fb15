//! What a comparison is made of.

use std::collections::BTreeMap;

use super::baseline::MeasuredRun;
use super::comparison::Comparison;
use super::judgement::Rule;
use super::noise::{Costs, Design, Estimate};
use super::quantity::{Direction, Quantity, smallest_change};
use crate::measurement::{Kind, Measurement};

/// The standard normal variable that a two-sided 95 % interval reaches to.
const NORMAL_95: f64 = 1.959_964;

/// One quantity of one measurement, before it is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The id of the measurement.
    pub id: String,
    /// What of it.
    pub quantity: Quantity,
    /// What kind of thing was measured.
    pub kind: Kind,
    unit: String,
    direction: Direction,
    /// What it cost.
    pub costs: Costs,
}

impl Subject {
    /// What the runs have of it; `None` where one side has nothing.
    ///
    /// # Errors
    /// A sentence where its unit differs from run to run.
    pub fn of(
        id: &str,
        quantity: Quantity,
        sides: [&[ById<'_>]; 2],
        design: Design,
    ) -> Result<Option<Self>, String> {
        let [mut before, mut after] = sides.map(|side| {
            let found = side.iter().map(|run| run.get(id).copied());
            found
                .map(|found| found.filter(|measurement| quantity.of(measurement).is_some()))
                .collect::<Vec<Option<&Measurement>>>()
        });
        if design == Design::Paired {
            for (before, after) in before.iter_mut().zip(&mut after) {
                if before.is_none() || after.is_none() {
                    (*before, *after) = (None, None);
                }
            }
        }
        let before: Vec<&Measurement> = before.into_iter().flatten().collect();
        let after: Vec<&Measurement> = after.into_iter().flatten().collect();
        let (Some(first), false) = (before.first(), after.is_empty()) else {
            return Ok(None);
        };
        let unit = quantity.unit(first).to_owned();
        let mut all = before.iter().chain(&after);
        if let Some(other) = all.find(|measurement| quantity.unit(measurement) != unit) {
            return Err(format!(
                "{id} is not compared: its unit is {unit} in one run and {} in another",
                quantity.unit(other)
            ));
        }
        let direction = Direction::of_unit(&unit);
        let costs = |side: &[&Measurement]| -> Vec<f64> {
            let values = side
                .iter()
                .filter_map(|measurement| quantity.of(measurement));
            values.map(|value| direction.cost(value)).collect()
        };
        let within = [&before, &after].map(|side| within(side, quantity));
        Ok(Some(Self {
            id: id.to_owned(),
            quantity,
            kind: first.kind,
            direction,
            costs: Costs {
                baseline: costs(&before),
                candidate: costs(&after),
                within,
            },
            unit,
        }))
    }

    /// The comparison that `estimate` makes of it. `level` is what one comparison may take of the false
    /// alarms where all of them pass.
    pub fn judged(
        self,
        estimate: &Estimate,
        adjusted: Option<f64>,
        rule: &Rule,
        level: f64,
    ) -> Comparison {
        let direction = self.direction;
        let value =
            |costs: &[f64]| direction.value(crate::statistics::mean(costs).unwrap_or_default());
        let baseline = value(&self.costs.baseline);
        let base_cost = direction.cost(baseline);
        let counts = |change: f64| {
            let changed = direction.value(base_cost + change) - baseline;
            changed.abs() >= smallest_change(&self.unit)
        };
        let reason = rule.decide(estimate, adjusted, self.costs.runs(), counts);
        let values = |costs: &[f64]| costs.iter().map(|cost| direction.value(*cost)).collect();
        Comparison {
            verdict: reason.verdict(),
            reason,
            baseline,
            candidate: value(&self.costs.candidate),
            worse: estimate.change.exp_m1(),
            interval: interval(estimate),
            noise: estimate.error.map(|error| error.noise),
            smallest_told: estimate
                .margin(level)
                .map(|margin| margin.max(rule.limit).exp_m1()),
            adjusted_probability: adjusted,
            baseline_runs: values(&self.costs.baseline),
            candidate_runs: values(&self.costs.candidate),
            id: self.id,
            quantity: self.quantity,
            kind: self.kind,
            unit: self.unit,
            direction,
        }
    }
}

/// The two-sided 95 % interval of an estimate, as shares.
pub fn interval(estimate: &Estimate) -> Option<[f64; 2]> {
    let margin = estimate.margin(0.025)?;
    Some([-margin, margin].map(|side| (estimate.change + side).exp_m1()))
}

/// The measurements of a run by their ids.
pub type ById<'a> = BTreeMap<&'a str, &'a Measurement>;

pub fn by_id(run: &MeasuredRun) -> ById<'_> {
    let measurements = run.measurements.iter();
    measurements
        .map(|measurement| (measurement.id.as_str(), measurement))
        .collect()
}

/// The mean variance of the logarithm of a median, from its interval; zero where that is not known.
fn within(side: &[&Measurement], quantity: Quantity) -> f64 {
    if quantity != Quantity::Median {
        return 0.0;
    }
    let variances: Vec<f64> = side
        .iter()
        .filter_map(|measurement| {
            let [low, high] = measurement.ci95?;
            (low > 0.0 && high >= low).then(|| ((high / low).ln() / 2.0 / NORMAL_95).powi(2))
        })
        .collect();
    crate::statistics::mean(&variances).unwrap_or_default()
}
