//! The report in a real browser, as wide as a laptop and as narrow as a phone: nothing overflows
//! the page, and the console stays empty.
//!
//! Chromium is driven by its command line alone. The report stands in a frame of the wanted width,
//! so that a browser window's own minimum width plays no part, and the page around it writes what
//! it measured into its DOM, which `--dump-dom` prints.

mod sample;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::report;
use harness::results::{Results, merge};

const LAPTOP: u32 = 1280;
const PHONE: u32 = 390;

/// What the browser says about a page.
#[derive(Debug)]
struct Rendered {
    scroll_width: u32,
    client_width: u32,
    /// Elements that reach beyond the page's right edge without a container that scrolls them.
    overflowing: String,
    /// What the containers hold that have to be scrolled sideways.
    scrolling: String,
    console: Vec<String>,
}

#[test]
fn the_report_fits_a_laptop_and_a_phone_without_a_console_error() {
    let Some(chromium) = chromium() else { return };
    let mut with_versions = sample::sample_results();
    with_versions.cases.extend(sample::version_cases());
    with_versions.cases.extend(sample::conflict_cases());
    with_versions.measurements.extend(sample::sample_kernels());
    with_versions.measurements.extend(sample::sample_batches());
    for (results, width) in [
        with_versions,
        joined(),
        sample::sample_check(),
        sample::sample_load(),
    ]
    .iter()
    .flat_map(|results| [LAPTOP, PHONE].map(|width| (results, width)))
    {
        let html = report::html(results, &report::plots(results).unwrap()).unwrap();
        let rendered = render(&chromium, &html, width);
        assert_eq!(rendered.client_width, width, "{rendered:?}");
        assert!(
            rendered.scroll_width <= rendered.client_width,
            "{rendered:?}"
        );
        assert_eq!(rendered.overflowing, "", "at {width} px");
        if results.check.is_some() {
            assert_eq!(rendered.scrolling, "", "at {width} px");
        }
        assert!(
            rendered.console.is_empty(),
            "at {width} px: {:#?}",
            rendered.console
        );
    }
}

/// The made-up run in three parts, of which one is missing, made on two machines.
fn joined() -> Results {
    let part = |shard: &str, cpu: &str| {
        let mut part = sample::sample_results();
        part.run.shard = Some(shard.to_owned());
        part.run
            .command_line
            .extend(["--shard".to_owned(), shard.to_owned()]);
        part.machine.cpu = Some(cpu.to_owned());
        (PathBuf::from(shard), part)
    };
    let parts = vec![
        part("1/3", "Example CPU"),
        part("3/3", "Another CPU @ 3.10GHz"),
    ];
    let command_line = ["cargo", "harness", "merge", "part-1", "part-3"];
    merge(parts, command_line.map(str::to_owned).to_vec(), &[]).unwrap()
}

/// Without this the test above would pass just as well with a browser that tells nothing.
#[test]
fn a_page_that_overflows_and_complains_is_noticed() {
    let Some(chromium) = chromium() else { return };
    let html = "<!doctype html><p id=long style='width:2000px'>long</p>\
        <script>console.error('a made-up complaint')</script>";
    let rendered = render(&chromium, html, PHONE);
    assert!(
        rendered.scroll_width > rendered.client_width,
        "{rendered:?}"
    );
    assert!(rendered.overflowing.contains("P#long"), "{rendered:?}");
    assert!(
        rendered
            .console
            .iter()
            .any(|line| line.contains("a made-up complaint")),
        "{rendered:?}"
    );
}

fn chromium() -> Option<PathBuf> {
    let found = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ]
    .iter()
    .find_map(|name| which::which(name).ok());
    if found.is_none() {
        // Straight to the terminal: the test runner shows what a passing test prints to nobody.
        let text = "SKIPPED: no Chromium on this machine, the report was not rendered in a browser \
            (Debian: apt-get install chromium)\n";
        let shown = std::fs::write("/dev/tty", text).is_ok();
        if !shown {
            use std::io::Write;
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    }
    found
}

fn render(chromium: &Path, html: &str, width: u32) -> Rendered {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    std::fs::write(&page, framed(html, width)).unwrap();
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args([
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--log-level=0",
        ])
        .args([
            "--virtual-time-budget=10000",
            "--window-size=1400,1000",
            "--dump-dom",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    let measured = |name: &str| {
        let marker = format!("data-{name}=\"");
        let rest = dom.split(&marker).nth(1).unwrap_or_else(|| {
            panic!(
                "Chromium ({}) measured no {name}; it said:\n{log}",
                output.status
            )
        });
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    Rendered {
        scroll_width: measured("scroll-width").parse().unwrap(),
        client_width: measured("client-width").parse().unwrap(),
        overflowing: measured("overflowing"),
        scrolling: measured("scrolling"),
        console: log
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .map(str::to_owned)
            .collect(),
    }
}

/// A page with `html` in a frame of `width` and a script that measures the frame once it is there.
/// Every part that can be folded is unfolded first: hidden text overflows nothing.
fn framed(html: &str, width: u32) -> String {
    let escaped = html.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        r##"<!doctype html><meta charset="utf-8"><title>frame</title>
<body id="measured" style="margin:0">
<iframe style="border:0;width:{width}px;height:900px" srcdoc="{escaped}"></iframe>
<script>
document.querySelector("iframe").addEventListener("load", (event) => {{
  const page = event.target.contentDocument;
  page.querySelectorAll("details").forEach((details) => {{ details.open = true; }});
  const root = page.documentElement;
  const view = page.defaultView;
  const scrolls = (element) => {{
    for (let box = element.parentElement; box; box = box.parentElement) {{
      if (["auto", "scroll", "hidden"].includes(view.getComputedStyle(box).overflowX)) return true;
    }}
    return false;
  }};
  const wide = [...page.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > root.clientWidth + 0.5)
    .filter((element) => !scrolls(element))
    .map((element) => element.tagName + "#" + element.id);
  const measured = document.getElementById("measured").dataset;
  measured.scrollWidth = root.scrollWidth;
  measured.clientWidth = root.clientWidth;
  measured.scrolling = [...page.querySelectorAll(".wide")]
    .filter((box) => box.scrollWidth > box.clientWidth)
    .map((box) => box.getAttribute("aria-label"))
    .join("; ");
  measured.overflowing = wide.slice(0, 8).join(" ");
}});
</script>"##
    )
}
