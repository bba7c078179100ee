//! Tables as spreadsheets write them: every case has the right value, or the one problem that names its cause.

use std::collections::HashSet;

use vmm_core::{RequestDraft, RequestPreview};
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;

/// A case, and either the machines that it gives or what its problems say.
type Case = (&'static str, &'static [u8], Expected);

enum Expected {
    /// `row name vcpu memory disks` of each machine.
    Machines(&'static [&'static str]),
    /// The row, the column and a part of the reason of each problem.
    Problems(&'static [(Option<u32>, &'static str, &'static str)]),
}
use Expected::{Machines, Problems};

macro_rules! case {
    ($file:literal, $expected:expr) => {
        ($file, include_bytes!(concat!("csv/", $file, ".csv")), $expected)
    };
}

const CASES: [Case; 18] = [
    case!("c01_trailing_empty_header", Machines(&["2 acc-1 1 1024 10", "3 acc-2 1 1024 10"])),
    case!("c02_trailing_blank_columns", Machines(&["2 acc-1 1 1024 10"])),
    case!("c03_rows_wider_blank", Machines(&["2 acc-1 1 1024 10", "3 acc-2 2 1024 10"])),
    case!("c05_human_headers", Machines(&["2 acc-1 1 1024 20"])),
    case!("c06_pandas_floats", Machines(&["2 acc-1 2 2048 20", "3 acc-2 1 1024 10"])),
    case!(
        "c07_thousands",
        Problems(&[
            (Some(2), "memory", "\"2,048\" can be read in two ways; write 2048"),
            (Some(3), "memory", "\"2 048\" can be read in two ways; write 2048"),
            (Some(4), "memory", "if it means 2048, write 2048"),
        ])
    ),
    case!(
        "c08_units",
        Machines(&[
            "2 u-1 1 2048 20",
            "3 u-2 1 2048 20",
            "4 u-3 1 2048 20",
            "5 u-4 1 2048 20",
            "6 u-5 1 2048 20",
            "7 u-6 1 2048 1024",
            "8 u-7 1 1536 20+100",
        ])
    ),
    case!("c09_tabs", Machines(&["2 acc-1 1 1024 10"])),
    case!("c10_sep_line", Machines(&["2 acc-1 1 1024 10"])),
    case!(
        "c12_title_row",
        Problems(&[(
            None,
            "spec",
            "row 1 is no header: it holds \"Machines for accounting\". The titles of the columns are in row 3"
        )])
    ),
    case!("c13_blank_lines_then_error", Problems(&[(Some(5), "vcpu", "\"x\""), (Some(7), "vcpu", "\"y\"")])),
    case!("c14_multiline_header_and_cell", Problems(&[(Some(3), "vcpu", "\"zero\"")])),
    case!(
        "c15_smart",
        Problems(&[
            (Some(4), "name", "a dash where a hyphen (-) belongs (U+2013); did you mean acc-3?"),
            (Some(7), "name", "a blank of a special width (U+00A0); did you mean acc-6?"),
        ])
    ),
    case!(
        "c25_caps_names",
        Problems(&[
            (Some(2), "name", "did you mean acc-1?"),
            (Some(3), "name", "did you mean acc-2?"),
            (Some(4), "name", "did you mean acc-3, with acc-3.lab as its hostname?"),
        ])
    ),
    case!(
        "c29_semicolon_disks_unquoted",
        Problems(&[(
            Some(2),
            "spec",
            "5 cells under 4 columns; the first too many is \"100\"; write a list of disks as 20+100, or in quotes as \"20;100\""
        )])
    ),
    case!("c33_blank_then_semicolons", Machines(&["3 acc-1 1 1024 10"])),
    case!("c34_disk_space_unit", Machines(&["2 acc-1 1 1024 20"])),
    case!(
        "c35_open_quote_swallows_rows",
        Problems(&[(
            Some(2),
            "description",
            "the quote that is opened in line 2 is never closed, so that lines 2 to 4 are one cell"
        )])
    ),
];

pub(crate) async fn preview(desk: &TestDesk, spec: String) -> RequestPreview {
    let draft = RequestDraft { id: sample::request_id("r1"), requester: None, description: String::new(), spec };
    desk.vmm.preview_request(&desk.user, &draft).await.expect("a verdict")
}

#[tokio::test]
async fn every_case_of_a_spreadsheet_gives_the_right_machines_or_the_problem_that_is_its_cause() {
    let desk = TestDesk::new().await;
    desk.hypervisor.change_host(|host| (host.vcpus, host.memory) = (16, 1 << 20));
    for (name, bytes, expected) in CASES {
        let found = preview(&desk, String::from_utf8(bytes.to_vec()).expect("UTF-8")).await;
        match expected {
            Machines(machines) => {
                let plan = found.plan.unwrap_or_else(|| panic!("{name}: {}", found.problems));
                let line = |vm: &vmm_core::model::PlannedVm| {
                    let disks: Vec<_> = vm.disks.iter().map(|disk| disk.size.to_string()).collect();
                    format!("{} {} {} {} {}", vm.row, vm.name, vm.vcpu, vm.memory, disks.join("+"))
                };
                assert_eq!(plan.vms.iter().map(line).collect::<Vec<_>>(), machines, "{name}");
            }
            Problems(problems) => {
                let places: Vec<_> =
                    found.problems.iter().map(|problem| (problem.row, problem.field.as_str())).collect();
                let expected: Vec<_> = problems.iter().map(|(row, column, _)| (*row, *column)).collect();
                assert_eq!(places, expected, "{name}: {}", found.problems);
                for (problem, (_, _, part)) in found.problems.iter().zip(problems) {
                    assert!(problem.reason.contains(part), "{name}: {problem}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_plan_says_what_was_understood() {
    let desk = TestDesk::new().await;
    let spec = "Name;OS;CPU;RAM (GB);Disk (GB);Group\nacc-1;Debian 12;1;2;\u{201c}20\u{201d};acc\n";
    let found = preview(&desk, spec.to_owned()).await;
    let plan = found.plan.unwrap_or_else(|| panic!("{}", found.problems));
    assert_eq!((plan.vms[0].memory, plan.vms[0].disks[0].size), (2048, 20));
    assert_eq!(
        plan.understood,
        [
            "column \"CPU\" is read as vcpu",
            "column \"RAM (GB)\" is read as memory, in GiB where a cell has no unit",
            "column \"Disk (GB)\" is read as disk, in GiB where a cell has no unit",
            "column \"Group\" is read as group_name",
            "row 2: \"Debian 12\" is read as debian:12",
            "row 2: \"\u{201c}20\u{201d}\" under disk is read as 20",
        ]
    );
    let request = desk.submit("r2", spec).await;
    assert_eq!(request.plan.understood, plan.understood, "it is kept with the request");
}

#[tokio::test]
async fn a_preview_has_a_verdict_for_each_row() {
    let desk = TestDesk::new().await;
    let found =
        preview(&desk, "name,os,vcpu,count\nweb,debian,1,3\n\ndb,debian,none,\ncache,debian,1,\n".to_owned()).await;
    let verdicts: Vec<_> = found.rows.iter().map(|row| (row.row, row.name.as_str(), row.machines, row.wrong)).collect();
    assert_eq!(verdicts, [(2, "web", 3, false), (4, "db", 0, true), (5, "cache", 1, false)]);
    assert_eq!((found.rows_total, found.problems.total(), found.plan), (3, 1, None));
}

/// Random numbers that are equal in every run (xorshift).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).expect("it is below a usize")
    }
}

/// A table whose rows each have a mark that nothing else has.
fn sheet(numbers: &mut Numbers) -> (String, Vec<String>) {
    let separator = [",", ";", "\t"][numbers.below(3)];
    let end = ["\n", "\r\n"][numbers.below(2)];
    let marks: Vec<_> = (0..2 + numbers.below(6)).map(|row| format!("mark{row}x")).collect();
    let mut text = ["name", "os", "vcpu", "memory", "disk", "description"].join(separator) + end;
    for mark in &marks {
        let description = ["\"the \"\"old\"\" one\"", "plain", "\"two\nlines\"", ""][numbers.below(4)];
        text += &[mark, "debian:12", "1.0", "1 GB", "\"20;100\"", description].join(separator);
        text += end;
        if numbers.below(4) == 0 {
            text += &separator.repeat(numbers.below(3));
            text += end;
        }
    }
    (text, marks)
}

/// Changes one place of a text, but no mark.
fn mutate(text: &str, marks: &[String], numbers: &mut Numbers) -> String {
    const ADDED: [&str; 14] =
        ["\"", "\"\"", "\n", "\r", ",", ";", "\t", "\u{201c}", "\u{200b}", "\u{a0}", "=", "'", "0", "\u{0}"];
    let inside = |at: usize| {
        marks
            .iter()
            .any(|mark| text.match_indices(mark.as_str()).any(|(start, _)| start < at && at < start + mark.len()))
    };
    let places: Vec<_> = text.char_indices().map(|(at, _)| at).filter(|at| !inside(*at)).collect();
    let at = places[numbers.below(places.len())];
    let (before, behind) = text.split_at(at);
    let is_mark = marks.iter().any(|mark| behind.starts_with(mark.as_str()));
    let mut rest = behind.chars();
    if !is_mark && numbers.below(2) == 0 {
        rest.next();
    }
    let added = if numbers.below(3) == 0 { "" } else { ADDED[numbers.below(ADDED.len())] };
    format!("{before}{added}{}", rest.as_str())
}

#[tokio::test]
async fn of_500_mutated_spreadsheets_no_row_is_swallowed_in_silence() {
    let desk = TestDesk::new().await;
    desk.hypervisor.change_host(|host| host.memory = 1 << 20);
    let mut numbers = Numbers(0x5eed_1234_5678_9abc);
    for round in 0..500 {
        let (mut text, marks) = sheet(&mut numbers);
        for _ in 0..1 + numbers.below(3) {
            text = mutate(&text, &marks, &mut numbers);
        }
        let found = preview(&desk, text.clone()).await;
        let lines: Vec<_> = text.split('\n').collect();
        let planned: HashSet<_> = found.plan.iter().flat_map(|plan| &plan.vms).map(|vm| vm.name.to_string()).collect();
        for mark in &marks {
            // A name may have gained a letter or lost its beginning's neighbour; its mark is in it all the same.
            let made = planned.iter().any(|name| name.contains(mark.as_str()));
            let told = found.problems.total() > 0;
            assert!(made || told, "round {round}: {mark} is neither planned nor told\n{lines:#?}\n{found:#?}");
        }
        if found.plan.is_some() {
            continue;
        }
        // A table that is wrong as a whole, or in its header, is told as such; otherwise every row has a verdict or is
        // named by the problem of another.
        if found.rows_total == 0
            || found.problems.iter().any(|problem| problem.row.is_none())
            || found.problems.total() > found.problems.len()
        {
            continue;
        }
        let verdicts: HashSet<_> = found.rows.iter().filter(|row| !row.wrong).map(|row| row.name.clone()).collect();
        for mark in &marks {
            let good = verdicts.iter().any(|name| name.contains(mark.as_str()));
            let named = found.problems.iter().any(|problem| names(problem, mark, &text, &found));
            assert!(good || named, "round {round}: {mark} has no verdict\n{lines:#?}\n{found:#?}");
        }
    }
}

/// Returns whether a problem is of the row with this mark, or of the lines that a quote made one cell.
fn names(problem: &vmm_core::Problem, mark: &str, text: &str, found: &RequestPreview) -> bool {
    let row = found.rows.iter().find(|row| Some(row.row) == problem.row);
    if row.is_some_and(|row| row.name.contains(mark)) {
        return true;
    }
    // Lines are counted as the reader counts them: a carriage return alone ends one too.
    let before = &text[..text.find(mark).unwrap_or(0)];
    let ends = before.matches('\n').count() + before.matches('\r').count() - before.matches("\r\n").count();
    let line = u32::try_from(ends + 1).expect("a small table");
    let numbers: Vec<u32> =
        problem.reason.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    let spans = problem.reason.contains("line") && numbers.iter().any(|from| *from <= line);
    spans && numbers.iter().any(|to| *to >= line)
        || problem.reason.contains("lines that look like rows")
        || row.is_some_and(|row| row.name.is_empty())
}

/// The page that people learn the columns from.
const PAGE: &str = include_str!("../../../docs/REQUESTS.md");

#[tokio::test]
async fn the_example_of_the_page_about_requests_plans() {
    let desk = TestDesk::new().await;
    let example = PAGE.split("```csv\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let found = preview(&desk, example.to_owned()).await;
    let plan = found.plan.unwrap_or_else(|| panic!("{}", found.problems));
    let names: Vec<_> = plan.vms.iter().map(|vm| vm.name.as_str()).collect();
    assert_eq!(names, ["shop-web-1", "shop-web-2", "shop-web-3", "shop-db"]);
    assert!(plan.understood.is_empty(), "{:?}", plan.understood);
}

#[tokio::test]
async fn every_column_and_synonym_of_the_page_about_requests_is_understood() {
    let desk = TestDesk::new().await;
    let rows: Vec<Vec<_>> =
        PAGE.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').collect()).collect();
    let template = desk.vmm.request_template(&desk.user).await.expect("a template");
    let columns: Vec<_> = rows.iter().map(|row| row[1].trim().trim_matches('`')).collect();
    assert_eq!(columns.join(","), template.lines().next().expect("a header"));
    for row in &rows {
        let column = row[1].trim().trim_matches('`');
        for title in row[2].split(',').map(|title| title.trim().trim_matches('`')) {
            let [name, os] = ["name", "os"].map(|own| if own == column { title } else { own });
            let third = if ["name", "os"].contains(&column) { "ip" } else { title };
            let found = preview(&desk, format!("{name},{os},{third}\nweb,debian,\n")).await;
            assert!(found.plan.is_some(), "{title}: {}", found.problems);
        }
    }
}
