//! `JsonPlan`: how the messages of one query become JSON.

use json_plan::{
    After, FieldSpec, Integer, LeafSpec, MoneyPart, PagePart, Paging, Part, Parts, Plan, Real,
    RootSpec, TermPart, ValueSpec,
};
use pyo3::exceptions::{PyRecursionError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

/// Deeper than any plan may be, and shallow enough for the stack.
const DEPTH_MAX: usize = 64;

type Constants = Vec<(String, String, String)>;
type Names = Vec<(i32, String)>;

/// Turns a response's bytes into the JSON of a selection. Immutable; `render` releases the interpreter.
///
/// The root is `("object", path, fields)` or `("connection", items, key path, token, fields)`. Fields are
/// pairs of key and value; paths are lists of field numbers. Values are `("const", json)`, `("leaf", path,
/// presence, nullable, leaf)`, `("object", path, nullable, fields)`, `("list", path, nullable, fields)`,
/// `("edges", fields)`, `("cursor",)` and `("page_info", parts)`. Leaves are `("text", empty is null)`,
/// `("id", byte)`, `("int", type)`, `("float", type)`, `("bool",)`, `("enum", names)`, `("enums", names)`,
/// `("time",)`, `("money", parts)` and `("term", weight, parts)`; names are pairs of number and name, parts
/// are `(key, part, json)`, where `json` counts for the part `const` only. `ValueError` for anything else.
#[pyclass(frozen, module = "daira_native")]
#[derive(Debug)]
pub(crate) struct JsonPlan {
    plan: Plan,
}

#[pymethods]
impl JsonPlan {
    #[new]
    fn new(root: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let plan = Plan::new(&root_spec(root)?).map_err(|error| refused(&error.to_string()))?;
        Ok(Self { plan })
    }

    /// The JSON value of the message, between `before` and `behind`. For a page: at most `first` edges from
    /// `after` on, a token, how many items to pass over and the id of the last of them. `ValueError` when
    /// there is no plain answer.
    #[pyo3(signature = (message, before, behind, *, first=0, after=None))]
    fn render<'py>(
        &self,
        py: Python<'py>,
        message: &[u8],
        before: &[u8],
        behind: &[u8],
        first: usize,
        after: Option<(String, u8, i64)>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let after = after.map(|(token, skip, key)| After { token, skip, key });
        let paging = Paging { first, after };
        let render = || self.plan.render_between(before, message, &paging, behind);
        let json = py.detach(render);
        let json = json.map_err(|error| refused(&error.to_string()))?;
        Ok(PyBytes::new(py, &json))
    }
}

fn root_spec(root: &Bound<'_, PyTuple>) -> PyResult<RootSpec> {
    match kind(root)?.as_str() {
        "object" => Ok(RootSpec::Object {
            path: item(root, 1)?,
            fields: fields(root, 2, DEPTH_MAX)?,
        }),
        "connection" => Ok(RootSpec::Connection {
            items: item(root, 1)?,
            key: item(root, 2)?,
            token: item(root, 3)?,
            fields: fields(root, 4, DEPTH_MAX)?,
        }),
        other => Err(refused(&format!("no root is called {other}"))),
    }
}

fn fields(around: &Bound<'_, PyTuple>, at: usize, depth: usize) -> PyResult<Vec<FieldSpec>> {
    let below = depth
        .checked_sub(1)
        .ok_or_else(|| PyRecursionError::new_err("fields are nested too deeply"))?;
    let mut specs = Vec::new();
    for pair in around.get_item(at)?.try_iter()? {
        let (key, spec): (String, Bound<'_, PyTuple>) = pair?.extract()?;
        let value = value(&spec, below)?;
        specs.push(FieldSpec { key, value });
    }
    Ok(specs)
}

fn value(spec: &Bound<'_, PyTuple>, depth: usize) -> PyResult<ValueSpec> {
    Ok(match kind(spec)?.as_str() {
        "const" => ValueSpec::Constant(item(spec, 1)?),
        "leaf" => {
            let shown: Bound<'_, PyTuple> = spec.get_item(4)?.extract()?;
            ValueSpec::Leaf {
                path: item(spec, 1)?,
                presence: item(spec, 2)?,
                nullable: item(spec, 3)?,
                leaf: leaf(&shown)?,
            }
        }
        "object" => ValueSpec::Object {
            path: item(spec, 1)?,
            nullable: item(spec, 2)?,
            fields: fields(spec, 3, depth)?,
        },
        "list" => ValueSpec::List {
            path: item(spec, 1)?,
            nullable: item(spec, 2)?,
            fields: fields(spec, 3, depth)?,
        },
        "edges" => ValueSpec::Edges(fields(spec, 1, depth)?),
        "cursor" => ValueSpec::Cursor,
        "page_info" => ValueSpec::PageInfo(parts(item(spec, 1)?, |part| match part {
            "has_next" => Some(PagePart::HasNext),
            "has_previous" => Some(PagePart::HasPrevious),
            "start" => Some(PagePart::Start),
            "end" => Some(PagePart::End),
            _ => None,
        })?),
        other => return Err(refused(&format!("no value is called {other}"))),
    })
}

fn leaf(spec: &Bound<'_, PyTuple>) -> PyResult<LeafSpec> {
    Ok(match kind(spec)?.as_str() {
        "text" => LeafSpec::Text {
            empty_is_null: item(spec, 1)?,
        },
        "id" => LeafSpec::Id(item(spec, 1)?),
        "int" => LeafSpec::Int(match item::<String>(spec, 1)?.as_str() {
            "int32" => Integer::I32,
            "int64" => Integer::I64,
            "uint32" => Integer::U32,
            "uint64" => Integer::U64,
            other => return Err(refused(&format!("no integer is called {other}"))),
        }),
        "float" => LeafSpec::Float(match item::<String>(spec, 1)?.as_str() {
            "float" => Real::F32,
            "double" => Real::F64,
            other => return Err(refused(&format!("no fraction is called {other}"))),
        }),
        "bool" => LeafSpec::Boolean,
        "enum" => LeafSpec::Enum(item::<Names>(spec, 1)?),
        "enums" => LeafSpec::Enums(item::<Names>(spec, 1)?),
        "time" => LeafSpec::Time,
        "money" => LeafSpec::Money(parts(item(spec, 1)?, |part| match part {
            "piastres" => Some(MoneyPart::Piastres),
            "egp" => Some(MoneyPart::Pounds),
            "formatted" => Some(MoneyPart::Formatted),
            _ => None,
        })?),
        "term" => LeafSpec::Term {
            weight: item(spec, 1)?,
            parts: parts(item(spec, 2)?, |part| match part {
                "value" => Some(TermPart::Value),
                "contribution" => Some(TermPart::Contribution),
                _ => None,
            })?,
        },
        other => return Err(refused(&format!("no leaf is called {other}"))),
    })
}

fn parts<P>(specs: Constants, named: impl Fn(&str) -> Option<P>) -> PyResult<Parts<P>> {
    let part = |(key, part, json): (String, String, String)| {
        if part == "const" {
            return Ok((key, Part::Constant(json)));
        }
        let found = named(&part).ok_or_else(|| refused(&format!("no part is called {part}")))?;
        Ok((key, Part::Of(found)))
    };
    specs.into_iter().map(part).collect()
}

fn kind(spec: &Bound<'_, PyTuple>) -> PyResult<String> {
    item(spec, 0)
}

fn item<T: for<'a, 'py> FromPyObject<'a, 'py>>(
    spec: &Bound<'_, PyTuple>,
    at: usize,
) -> PyResult<T> {
    spec.get_item(at)?.extract().map_err(Into::into)
}

fn refused(why: &str) -> PyErr {
    PyValueError::new_err(why.to_owned())
}
