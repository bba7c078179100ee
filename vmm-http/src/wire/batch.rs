//! Lists in bodies: all items are read before the first is done, then they are done in order.

use vmm_core::{Error, Problems, Result};

use crate::error::Failure;

/// Reads every item, or tells what is wrong with all of them.
pub(crate) fn read<T, U>(outer: &str, items: Vec<T>, read: impl Fn(T) -> Result<U>) -> Result<Vec<U>, Failure> {
    let mut good = Vec::with_capacity(items.len());
    let mut problems = Problems::new();
    for (index, item) in items.into_iter().enumerate() {
        match read(item) {
            Ok(item) => good.push(item),
            Err(Error::Invalid(of_item)) => problems.append(of_item.map(|mut problem| {
                problem.field = format!("{outer}[{index}].{}", problem.field);
                problem
            })),
            Err(error) => return Err(Failure::in_item(outer, index, error)),
        }
    }
    if problems.is_empty() { Ok(good) } else { Err(Error::Invalid(problems).into()) }
}

/// Does one item after the other, and stops at the first that fails.
pub(crate) async fn in_order<T, U, F>(
    outer: &str,
    items: Vec<T>,
    mut act: impl FnMut(T) -> F,
) -> Result<Vec<U>, Failure>
where
    F: Future<Output = Result<U>>,
{
    let mut answers = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        answers.push(act(item).await.map_err(|error| Failure::in_item(outer, index, error))?);
    }
    Ok(answers)
}

/// Names the parameter or field that a wrong name came from.
pub(crate) fn named<T>(field: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::Invalid(problems) => {
            Error::Invalid(problems.map(|problem| vmm_core::Problem { field: field.to_owned(), ..problem }))
        }
        error => error,
    })
}

/// The core's `vm` stands in `vms` here.
pub(crate) fn in_vms<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::Invalid(problems) => Error::Invalid(problems.map(|mut problem| {
            if problem.field == "vm" {
                "vms".clone_into(&mut problem.field);
            }
            problem
        })),
        error => error,
    })
}
