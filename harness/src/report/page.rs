//! The page: contexts in, one self-contained HTML file out.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use suites::{CaseResult, Profile, Verdict};

use super::cases::{CaseDetail, badge, matrix};
use super::check::check_page;
use super::conflicts::conflict_tables;
use super::context::{Badge, Count, Figure, Page, Plots, RuntimeRow};
use super::heat_map::heat_maps;
use super::load::{self, load_page};
use super::machine::{machines, part_rows, run_facts};
use super::measurements::{MeasurementRow, above_call, generator, highlights};
use super::plots::{Plot, Section};
use crate::command_text::command_text;
use crate::results::{Overall, Results};

/// Why a page was not rendered: a defect of its template.
#[derive(Debug, thiserror::Error)]
#[error("failed to render the template: {0:#}")]
pub struct RenderError(#[from] minijinja::Error);

/// Renders the report of `results` with its `plots`.
///
/// # Errors
/// [`RenderError`].
pub fn html(results: &Results, plots: &[Plot]) -> Result<String, RenderError> {
    let mut environment = Environment::new();
    // A block's line leaves nothing behind.
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    // Auto-escaping follows the ending: everything in a `.html` template is escaped.
    environment.add_template("page.html", include_str!("templates/page.html"))?;
    environment.add_template("check.html", include_str!("templates/check.html"))?;
    environment.add_template("case.html", include_str!("templates/case.html"))?;
    environment.add_template("conflicts.html", include_str!("templates/conflicts.html"))?;
    environment.add_template("heat_map.html", include_str!("templates/heat_map.html"))?;
    environment.add_template("load.html", include_str!("templates/load.html"))?;
    environment.add_template("figures.html", include_str!("templates/figures.html"))?;
    environment.add_global(
        "style",
        Value::from_safe_string(include_str!("templates/page.css").to_owned()),
    );
    Ok(environment
        .get_template("page.html")?
        .render(Serde(page(results, plots)))?)
}

fn page(results: &Results, plots: &[Plot]) -> Page {
    let counts = results.summary;
    let (passed, failed) = results.count_names();
    let numbers = [
        (counts.passed, Verdict::Pass, passed),
        (counts.failed, Verdict::Fail, failed),
        (counts.skipped, Verdict::Skip, "skipped"),
        (counts.errors, Verdict::Error, "errors"),
    ];
    let detail = |case: &CaseResult, prefix| CaseDetail::new(case, results, prefix);
    Page {
        verdict: overall(results),
        counts: numbers
            .into_iter()
            .map(|(number, verdict, text)| Count {
                number,
                verdict: Badge {
                    text: text.to_owned(),
                    ..badge(verdict)
                },
            })
            .collect(),
        setting: setting(results),
        run: run_facts(results),
        command: command_text(&results.run.command_line),
        problems: results.run.problems.clone(),
        notices: results.run.notices.clone(),
        check: results
            .check
            .as_ref()
            .map(|check| check_page(check, &results.cases)),
        load: load_page(results),
        troubled_title: match results.run.profile {
            Profile::Reference => "Not as expected".to_owned(),
            profile => format!("Where the server departs from profile {profile}"),
        },
        troubled: results
            .troubled()
            .map(|case| detail(case, "trouble"))
            .collect(),
        matrix: matrix(&results.cases),
        heat_maps: heat_maps(&results.cases),
        conflicts: conflict_tables(&results.cases),
        highlights: highlights(&results.measurements),
        generator: generator(&results.measurements),
        above_call: above_call(&results.measurements),
        plots: by_section(plots),
        warnings: results
            .run
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect(),
        measurements: results
            .measurements
            .iter()
            .map(|measurement| {
                MeasurementRow::new(measurement, results.part_of_measurement(&measurement.id))
            })
            .collect(),
        machines: machines(results),
        parts: part_rows(&results.run),
        runtimes: results
            .runtimes
            .iter()
            .map(|runtime| RuntimeRow {
                name: runtime.name.clone(),
                version: runtime.version.clone(),
                path: runtime.path.clone(),
            })
            .collect(),
        cases: results
            .cases
            .iter()
            .map(|case| detail(case, "case"))
            .collect(),
    }
}

fn overall(results: &Results) -> Badge {
    let verdict = match results.verdict() {
        Overall::Passed => Verdict::Pass,
        Overall::Failed => Verdict::Fail,
        Overall::Error => Verdict::Error,
        Overall::Interrupted => Verdict::Skip,
    };
    let mut text = results.headline();
    text[..1].make_ascii_uppercase();
    Badge {
        text,
        ..badge(verdict)
    }
}

fn setting(results: &Results) -> String {
    if let Some(load) = &results.load {
        return load::setting(load);
    }
    let runtimes: Vec<&str> = results
        .runtimes
        .iter()
        .map(|runtime| runtime.name.as_str())
        .collect();
    let mut processors: Vec<&str> = Vec::new();
    for (machine, _) in results.machines() {
        let cpu = machine.cpu.as_deref().unwrap_or_default();
        if !processors.contains(&cpu) {
            processors.push(cpu);
        }
    }
    let part = results.run.shard.as_ref();
    let mut parts = vec![
        part.map(|shard| format!("part {shard}"))
            .unwrap_or_default(),
        format!("{} cases", results.summary.total()),
        format!("isolation {}", results.run.isolation),
        runtimes.join(", "),
        processors.join(", "),
    ];
    if results.check.is_none() && results.measurements.is_empty() {
        parts.push("nothing measured".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

fn by_section(plots: &[Plot]) -> Plots {
    let mut sections = Plots::default();
    for plot in plots {
        let figure = Figure {
            title: plot.title.clone(),
            svg: plot.inline_svg(),
        };
        match plot.section {
            Section::Latency => sections.latency.push(figure),
            Section::Throughput => sections.throughput.push(figure),
            Section::BatchSize => sections.batch_size.push(figure),
            Section::OpTime => sections.op_time.push(figure),
            Section::KernelTime => sections.kernel_time.push(figure),
            Section::Bandwidth => sections.bandwidth.push(figure),
            Section::LaunchOverhead => sections.launch_overhead.push(figure),
            Section::SpeedUp => sections.speed_up.push(figure),
            Section::LoadThroughput => sections.load_throughput.push(figure),
            Section::LoadDistribution => sections.load_distribution.push(figure),
            Section::LoadBreakdown => sections.load_breakdown.push(figure),
            Section::Startup => sections.startup.push(figure),
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plots;
    use crate::sample::{sample_load, sample_results};

    fn rendered(results: &Results) -> String {
        html(results, &plots(results).unwrap()).unwrap()
    }

    #[test]
    fn it_needs_nothing_from_outside() {
        let page = rendered(&sample_results());
        for word in ["http://", "https://", "<link", "src=", "@import", "url("] {
            let found: Vec<&str> = page
                .lines()
                .filter(|line| line.contains(word) && !line.contains("http://www.w3.org/2000/svg"))
                .collect();
            assert!(found.is_empty(), "{word}: {found:?}");
        }
    }

    #[test]
    fn a_load_test_has_a_section_instead_of_cases() {
        let results = sample_load();
        let page = rendered(&results);
        for section in ["load", "machine"] {
            assert!(page.contains(&format!("<h2 id=\"{section}\"")), "{section}");
        }
        for section in ["cases", "verdicts", "measurements", "serving"] {
            assert!(!page.contains(&format!("id=\"{section}\"")), "{section}");
        }
        assert!(page.contains("1 request failed, p99 &lt; 2ms was met"));
        assert!(page.contains("&lt;busy&gt;") && !page.contains("<busy>"));
        assert_eq!(page.matches("<svg").count(), 3);
        assert_eq!(results.verdict(), Overall::Failed);
    }

    #[test]
    fn text_from_a_server_stays_text() {
        let mut results = sample_results();
        for case in &mut results.cases {
            case.message = "<script>alert(1)</script>".to_owned();
            case.evidence.log_tail = vec!["</pre><img onerror=x>".to_owned()];
        }
        let page = rendered(&results);
        assert!(!page.contains("<script>"));
        assert!(!page.contains("<img"));
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn every_case_has_its_evidence_and_its_command() {
        let results = sample_results();
        let page = rendered(&results);
        for case in &results.cases {
            assert!(
                page.contains(&case.id.replace('/', "&#x2f;")) || page.contains(&case.id),
                "{}",
                case.id
            );
        }
        assert!(
            page.contains("cargo harness run --filter"),
            "no command to reproduce a case"
        );
    }

    #[test]
    fn a_run_without_anything_is_still_a_page() {
        let mut results = sample_results();
        results.cases.clear();
        results.measurements.clear();
        results.runtimes.clear();
        results.summary = crate::results::Counts::default();
        let page = rendered(&results);
        assert!(page.contains("No case was run"));
        assert!(page.contains("nothing measured"));
    }

    #[test]
    fn a_section_without_content_is_left_out() {
        let mut results = sample_results();
        let sections = ["serving", "startup", "measurements"];
        let has = |page: &str, section: &str| {
            let heading = page.contains(&format!("<h2 id=\"{section}\""));
            let link = page.contains(&format!("href=\"#{section}\""));
            assert_eq!(heading, link, "{section}");
            heading
        };
        let page = rendered(&results);
        assert!(sections.iter().all(|section| has(&page, section)));
        results.measurements.clear();
        let page = rendered(&results);
        assert!(!sections.iter().any(|section| has(&page, section)));
        assert!(has(&page, "verdicts"));
    }

    #[test]
    fn cases_that_stand_in_maps_of_their_own_are_counted() {
        let mut results = sample_results();
        results.cases = crate::sample::version_cases();
        let page = rendered(&results);
        assert!(!page.contains("No case was run"));
        assert!(page.contains("class=\"overview\""));
    }
}
