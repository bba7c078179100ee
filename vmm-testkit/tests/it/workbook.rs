//! Workbooks: what real programs write is read alike, and none costs more than a request may.

use vmm_core::{Error, Result, Spreadsheet};
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::workbook::{archive, hostile, ods, parts, xlsx};

use crate::spreadsheet::{Numbers, preview};

/// The files that programs wrote of one table: a sheet of notes, a hidden sheet, and the machines.
const WRITTEN: [(&str, &[u8]); 3] = [
    ("LibreOffice 7.4, .ods", include_bytes!("workbook/libreoffice.ods")),
    ("LibreOffice 7.4, .xlsx", include_bytes!("workbook/libreoffice.xlsx")),
    ("openpyxl 3.1, .xlsx", include_bytes!("workbook/openpyxl.xlsx")),
];

async fn read(desk: &TestDesk, bytes: &[u8]) -> Result<Spreadsheet> {
    desk.vmm.read_spreadsheet(&desk.user, bytes.to_vec()).await
}

#[tokio::test]
async fn what_each_program_writes_is_read_alike_and_rows_keep_their_numbers() {
    let desk = TestDesk::new().await;
    desk.hypervisor.change_host(|host| (host.vcpus, host.memory) = (16, 1 << 20));
    for (program, bytes) in WRITTEN {
        let found = read(&desk, bytes).await.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert_eq!(found.sheet.as_deref(), Some("Machines"), "{program}");
        assert_eq!(
            found.spec,
            "Name,OS,CPU,RAM (GB),Disk,Comment\n\
             acc-1,Debian 12,2,2,20,Front end\n\
             \n\
             acc-2,debian,1,1.5,20+100,\"two lines,\n\"\"quoted\"\"\"\n\
             acc-3,debian,4,2,,made of acc-3\n",
            "{program}"
        );
        let plan = preview(&desk, found.spec).await.plan.expect("a good table");
        assert_eq!(plan.vms.iter().map(|vm| vm.row).collect::<Vec<_>>(), [2, 4, 5], "{program}");
        assert_eq!(plan.vms.iter().map(|vm| vm.memory).collect::<Vec<_>>(), [2048, 1536, 2048], "{program}");
    }
}

#[tokio::test]
async fn a_formula_whose_result_is_not_in_the_file_is_told_and_not_taken_for_an_empty_cell() {
    let desk = TestDesk::new().await;
    let of_xlsx = read(&desk, include_bytes!("workbook/openpyxl_formula.xlsx")).await;
    let of_ods =
        read(&desk, &ods("<table:table-row><table:table-cell table:formula=\"of:=1\"/></table:table-row>")).await;
    for (found, cell) in [(of_xlsx, "D5"), (of_ods, "A1")] {
        let error = found.expect_err("a formula").to_string();
        assert!(error.contains(&format!("a formula without its result in cell {cell}")), "{error}");
    }
    // One that gives an empty text is known.
    let empty = xlsx("<row><c t=\"str\"><f>\"\"</f><v></v></c><c t=\"inlineStr\"><is><t>x</t></is></c></row>");
    assert_eq!(read(&desk, &empty).await.expect("a table").spec, ",x\n");
}

#[tokio::test]
async fn a_date_is_told_as_one_and_numbers_are_as_people_write_them() {
    let desk = TestDesk::new().await;
    let rows = "<table:table-row><table:table-cell office:value-type=\"date\" office:date-value=\"2026-11-30\"/>\
                <table:table-cell office:value-type=\"float\" office:value=\"2048\"/>\
                <table:table-cell office:value-type=\"float\" office:value=\"1.5\"/>\
                <table:table-cell office:value-type=\"boolean\" office:boolean-value=\"true\"/></table:table-row>";
    assert_eq!(read(&desk, &ods(rows)).await.expect("a table").spec, "(the date 2026-11-30),2048,1.5,true\n");
}

#[tokio::test]
async fn a_workbook_that_is_made_to_hurt_is_refused_with_the_reason() {
    let desk = TestDesk::new().await;
    for workbook in hostile() {
        let found = read(&desk, &workbook.bytes).await;
        let name = workbook.name;
        let Err(Error::Invalid(problems)) = found else { panic!("{name}: {found:?}") };
        let reason = problems.to_string();
        assert!(reason.contains(workbook.reason) && reason.len() < 300, "{name}: {reason}");
    }
    let password = read(&desk, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 with a password").await.expect_err("no workbook");
    assert!(password.to_string().contains("without a password"), "{password}");
}

#[tokio::test]
async fn of_500_mutated_workbooks_each_is_read_or_refused() {
    let desk = TestDesk::new().await;
    let mut numbers = Numbers(0x0d5_a9e7_1e55_c0de);
    let (mut good, mut refused) = (0, 0);
    for round in 0..500 {
        let (_, bytes) = WRITTEN[round % WRITTEN.len()];
        let mut changed = parts(bytes);
        for _ in 0..1 + numbers.below(4) {
            let part = numbers.below(changed.len());
            mutate(&mut changed[part].1, &mut numbers);
        }
        let file = archive(changed.iter().map(|(name, content)| (name.as_str(), content.as_slice())));
        match read(&desk, &file).await {
            Ok(_) => good += 1,
            Err(Error::Invalid(_)) => refused += 1,
            Err(error) => panic!("round {round}: {error}"),
        }
    }
    assert!(
        good > 20 && refused > 20,
        "{good} are read and {refused} refused, so the changes are too small or too large"
    );
}

/// Takes out, doubles or changes a stretch of a part.
fn mutate(content: &mut Vec<u8>, numbers: &mut Numbers) {
    if content.is_empty() {
        return;
    }
    let at = numbers.below(content.len());
    let end = content.len().min(at + 1 + numbers.below(40));
    match numbers.below(4) {
        0 => drop(content.drain(at..end)),
        1 => {
            let copy = content[at..end].to_vec();
            content.splice(at..at, copy);
        }
        2 => content[at] = b"<>\"&/09= "[numbers.below(9)],
        _ => content.truncate(at),
    }
}
