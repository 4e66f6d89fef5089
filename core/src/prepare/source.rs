//! Reads a guest's module: validates it against the feature set and the limits table, and keeps the
//! sections for `assemble`. Function bodies are handed on one by one while the validator is at them.
//! It changes nothing.

use std::collections::BTreeSet;
use std::ops::Range;

use wasmparser::{
    ConstExpr, DataSectionReader, ElementItems, ElementSectionReader, ExportSectionReader,
    ExternalKind, FuncToValidate, FuncType, FunctionBody, GlobalSectionReader, ImportSectionReader,
    MemoryType, Operator, Parser, Payload, TableType, TypeRef, ValType, ValidPayload, Validator,
    ValidatorResources,
};

use super::bounds::{self, count, within};
use super::features::FEATURES;
use super::{Export, FunctionType, Import, PrepareError, RESERVED};
use crate::engine::ValueType;
use crate::limits::Limits;

/// Everything of a module but its function bodies.
#[derive(Default)]
pub(super) struct Source<'a> {
    /// The function types.
    pub(super) types: Vec<FuncType>,
    /// For each function, imported ones first, the index of its type.
    pub(super) functions: Vec<u32>,
    /// The imports, all of them functions.
    pub(super) imports: Vec<Import>,
    /// The tables, their maximum lowered to the limit.
    pub(super) tables: Vec<TableType>,
    /// The memories, their maximum lowered to the limit.
    pub(super) memories: Vec<MemoryType>,
    /// The number of globals.
    pub(super) globals_count: u32,
    /// The globals.
    pub(super) globals: Option<GlobalSectionReader<'a>>,
    /// The exports, as the output needs them.
    pub(super) exports_section: Option<ExportSectionReader<'a>>,
    /// The exports, as the node needs them.
    pub(super) exports: Vec<Export>,
    /// The start function.
    pub(super) start: Option<u32>,
    /// The element segments.
    pub(super) elements: Option<ElementSectionReader<'a>>,
    /// The announced number of data segments.
    pub(super) data_count: Option<u32>,
    /// Where the data section lies.
    pub(super) data: Option<Range<u64>>,
    /// Imported functions that are called by something else than a `call`: through a table, an
    /// export or as the start function.
    pub(super) addressed_imports: BTreeSet<u32>,
}

impl Source<'_> {
    /// The type of function `function`.
    pub(super) fn function_type(&self, function: u32) -> Option<&FuncType> {
        let ty = self.functions.get(usize::try_from(function).ok()?)?;
        self.types.get(usize::try_from(*ty).ok()?)
    }

    /// Whether `function` is imported.
    pub(super) fn is_import(&self, function: u32) -> bool {
        usize::try_from(function).is_ok_and(|function| function < self.imports.len())
    }

    fn note_address(&mut self, function: u32) {
        if self.is_import(function) {
            self.addressed_imports.insert(function);
        }
    }
}

/// A function body that the validator has reached.
pub(super) struct Body<'a> {
    /// Its bytes.
    pub(super) body: FunctionBody<'a>,
    /// The validator for it.
    pub(super) validate: FuncToValidate<ValidatorResources>,
}

/// Reads `module`, calling `each` for every function body in order.
///
/// # Errors
/// When the module is invalid, exceeds a limit, uses what guests may not, or `each` says so.
pub(super) fn read<'a>(
    module: &'a [u8],
    limits: &Limits,
    mut each: impl FnMut(&Source<'a>, Body<'a>) -> Result<(), PrepareError>,
) -> Result<Source<'a>, PrepareError> {
    within("bytes", count(module.len()), limits.module_bytes_max)?;
    let mut validator = Validator::new_with_features(FEATURES);
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    let mut source = Source::default();
    for payload in parser.parse_all(module) {
        let payload = payload?;
        check_counts(&payload, limits)?;
        match validator.payload(&payload)? {
            ValidPayload::Func(validate, body) => {
                let bytes = body.range().end - body.range().start;
                within("bytes in one function", bytes, limits.function_bytes_max)?;
                each(&source, Body { body, validate })?;
            }
            ValidPayload::Parser(_) => return Err(unsupported("contains a module")),
            ValidPayload::Ok | ValidPayload::End(_) => source.take(payload, limits)?,
        }
    }
    Ok(source)
}

/// Refuses sections with too many entries before anything reads the entries.
fn check_counts(payload: &Payload<'_>, limits: &Limits) -> Result<(), PrepareError> {
    let (what, found, max) = match payload {
        Payload::TypeSection(s) => ("types", s.count(), bounds::TYPES_MAX),
        Payload::ImportSection(s) => ("imports", s.count(), bounds::IMPORTS_MAX),
        Payload::FunctionSection(s) => ("functions", s.count(), limits.functions_max),
        Payload::TableSection(s) => ("tables", s.count(), bounds::TABLES_MAX),
        Payload::MemorySection(s) => ("memories", s.count(), bounds::MEMORIES_MAX),
        Payload::GlobalSection(s) => ("globals", s.count(), limits.globals_max),
        Payload::ExportSection(s) => ("exports", s.count(), bounds::EXPORTS_MAX),
        Payload::ElementSection(s) => ("element segments", s.count(), limits.element_segments_max),
        Payload::DataCountSection { count, .. } => {
            ("data segments", *count, limits.data_segments_max)
        }
        Payload::DataSection(s) => ("data segments", s.count(), limits.data_segments_max),
        _ => return Ok(()),
    };
    within(what, u64::from(found), max)
}

impl<'a> Source<'a> {
    /// Keeps a section that the validator has accepted.
    fn take(&mut self, payload: Payload<'a>, limits: &Limits) -> Result<(), PrepareError> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    let ty = ty?;
                    let max = limits.params_max;
                    within("parameters in one function type", count(ty.params().len()), max)?;
                    within("results in one function type", count(ty.results().len()), max)?;
                    self.types.push(ty);
                }
            }
            Payload::ImportSection(section) => self.take_imports(section)?,
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let mut ty = table?.ty;
                    let max = limits.table_elements_max;
                    within("elements in a table", ty.initial, max)?;
                    ty.maximum = Some(ty.maximum.unwrap_or(max).min(max));
                    self.tables.push(ty);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let mut ty = memory?;
                    let max = limits.memory_pages_max;
                    within("pages of memory", ty.initial, max)?;
                    ty.maximum = Some(ty.maximum.unwrap_or(max).min(max));
                    self.memories.push(ty);
                }
            }
            Payload::GlobalSection(section) => {
                self.globals_count = section.count();
                for global in section.clone() {
                    self.note_addresses(&global?.init_expr)?;
                }
                self.globals = Some(section);
            }
            Payload::ExportSection(section) => self.take_exports(section)?,
            Payload::StartSection { func, .. } => {
                self.note_address(func);
                self.start = Some(func);
            }
            Payload::ElementSection(section) => self.take_elements(section)?,
            Payload::DataCountSection { count, .. } => self.data_count = Some(count),
            Payload::DataSection(section) => self.data = Some(range(&section)),
            _ => {}
        }
        Ok(())
    }

    fn take_imports(&mut self, section: ImportSectionReader<'a>) -> Result<(), PrepareError> {
        for import in section.into_imports() {
            let import = import?;
            for name in [import.module, import.name] {
                refuse_reserved(name)?;
            }
            let full_name = format!("{}.{}", import.module, import.name);
            let what = match import.ty {
                TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                    self.functions.push(ty);
                    let function = u32::try_from(self.functions.len() - 1).unwrap_or(u32::MAX);
                    let ty = self.function_type(function).and_then(function_type);
                    let Some(ty) = ty.filter(|ty| ty.results.len() <= 1) else {
                        return Err(unsupported(&format!(
                            "imports the function {full_name} with a reference in its type or \
                             more than one result"
                        )));
                    };
                    let (module, name) = (import.module.to_owned(), import.name.to_owned());
                    self.imports.push(Import { module, name, ty });
                    continue;
                }
                TypeRef::Table(_) => "table",
                TypeRef::Memory(_) => "memory",
                TypeRef::Global(_) => "global",
                TypeRef::Tag(_) => "tag",
            };
            return Err(unsupported(&format!("imports the {what} {full_name}")));
        }
        Ok(())
    }

    fn take_exports(&mut self, section: ExportSectionReader<'a>) -> Result<(), PrepareError> {
        for export in section.clone() {
            let export = export?;
            refuse_reserved(export.name)?;
            let function = matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact);
            if function {
                self.note_address(export.index);
            }
            let ty = if function {
                self.function_type(export.index).and_then(function_type)
            } else {
                None
            };
            self.exports.push(Export { name: export.name.to_owned(), ty });
        }
        self.exports_section = Some(section);
        Ok(())
    }

    fn take_elements(&mut self, section: ElementSectionReader<'a>) -> Result<(), PrepareError> {
        for segment in section.clone() {
            match segment?.items {
                ElementItems::Functions(functions) => {
                    for function in functions {
                        self.note_address(function?);
                    }
                }
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions {
                        self.note_addresses(&expression?)?;
                    }
                }
            }
        }
        self.elements = Some(section);
        Ok(())
    }

    fn note_addresses(&mut self, expression: &ConstExpr<'a>) -> Result<(), PrepareError> {
        for op in expression.get_operators_reader() {
            if let Operator::RefFunc { function_index } = op? {
                self.note_address(function_index);
            }
        }
        Ok(())
    }
}

fn range(section: &DataSectionReader<'_>) -> Range<u64> {
    section.range()
}

fn refuse_reserved(name: &str) -> Result<(), PrepareError> {
    if name.starts_with(RESERVED) {
        return Err(PrepareError::Reserved { name: name.to_owned() });
    }
    Ok(())
}

/// The type as engines and hosts know it; `None` if it holds references.
fn function_type(ty: &FuncType) -> Option<FunctionType> {
    let convert = |types: &[ValType]| -> Option<Vec<ValueType>> {
        types.iter().copied().map(value_type).collect()
    };
    Some(FunctionType { params: convert(ty.params())?, results: convert(ty.results())? })
}

fn value_type(ty: ValType) -> Option<ValueType> {
    match ty {
        ValType::I32 => Some(ValueType::I32),
        ValType::I64 => Some(ValueType::I64),
        ValType::F32 => Some(ValueType::F32),
        ValType::F64 => Some(ValueType::F64),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

fn unsupported(what: &str) -> PrepareError {
    PrepareError::Unsupported { what: what.to_owned() }
}

impl From<wasmparser::Error> for PrepareError {
    fn from(error: wasmparser::Error) -> Self {
        Self::Invalid { message: error.message().to_owned(), offset: error.offset() }
    }
}
