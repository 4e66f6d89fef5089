//! Puts the prepared module together: the guest's sections with function indices mapped, everything
//! injected, and the branch hints. Custom sections of the guest are dropped.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BranchHint, BranchHints, CodeSection, ConstExpr, DataCountSection, ElementSection, EntityType,
    ExportKind, ExportSection, FunctionSection, GlobalSection, GlobalType, Ieee32, Ieee64,
    ImportSection, MemorySection, Module, RawSection, SectionId, TableSection, TypeSection,
    ValType,
};
use wasmparser::FuncType;

use super::body::Woven;
use super::layout::{Helper, Layout, index};
use super::source::Source;
use super::{GAS_LEFT, MEMORY, REFILL, SLOTS_LEFT, START, helpers};

/// Builds the prepared module from the guest's sections and its woven bodies, in order.
pub(super) fn assemble(
    module: &[u8],
    source: &Source<'_>,
    mut layout: Layout,
    mut bodies: Vec<Woven>,
    slots: i32,
) -> Result<Vec<u8>, Error<Infallible>> {
    for import in layout.trampolines().to_vec() {
        let ty = source.function_type(import).cloned().unwrap_or_else(|| FuncType::new([], []));
        bodies.push(helpers::trampoline(import, &ty, &mut layout));
    }
    // The helpers lie between the guest's functions and the trampolines.
    let guest_bodies = bodies.len() - layout.trampolines().len();
    let mut remap = Remap(layout);
    let sections = Sections {
        imports: imports(source, &mut remap)?,
        functions: functions(source, &mut remap),
        tables: tables(source, &mut remap)?,
        memories: memories(source, &mut remap)?,
        globals: globals(source, &mut remap, slots)?,
        exports: exports(source, &mut remap)?,
        elements: elements(source, &mut remap)?,
        code: code(&remap.0, &bodies, guest_bodies),
        hints: hints(&remap.0, &bodies, guest_bodies),
    };
    // Only now are all types known.
    let types = types(source, &mut remap)?;
    Ok(sections.write(module, source, &types))
}

/// Maps function indices; everything else keeps its index.
struct Remap(Layout);

impl Reencode for Remap {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(self.0.address(function))
    }
}

struct Sections {
    imports: ImportSection,
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    exports: ExportSection,
    elements: ElementSection,
    code: CodeSection,
    hints: BranchHints,
}

impl Sections {
    fn write(&self, module: &[u8], source: &Source<'_>, types: &TypeSection) -> Vec<u8> {
        let mut out = Module::new();
        out.section(types).section(&self.imports).section(&self.functions);
        if !self.tables.is_empty() {
            out.section(&self.tables);
        }
        if !self.memories.is_empty() {
            out.section(&self.memories);
        }
        out.section(&self.globals).section(&self.exports);
        if !self.elements.is_empty() {
            out.section(&self.elements);
        }
        if let Some(count) = source.data_count {
            out.section(&DataCountSection { count });
        }
        out.section(&self.hints).section(&self.code);
        let bounds = source.data.as_ref().and_then(|range| {
            Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
        });
        if let Some(data) = bounds.and_then(|bounds| module.get(bounds)) {
            out.section(&RawSection { id: SectionId::Data.into(), data });
        }
        out.finish()
    }
}

fn types(source: &Source<'_>, remap: &mut Remap) -> Result<TypeSection, Error> {
    let mut section = TypeSection::new();
    let added = remap.0.types().to_vec();
    for ty in source.types.iter().chain(&added) {
        section.ty().func_type(&remap.func_type(ty.clone())?);
    }
    Ok(section)
}

fn imports(source: &Source<'_>, remap: &mut Remap) -> Result<ImportSection, Error> {
    let mut section = ImportSection::new();
    for (import, ty) in source.imports.iter().zip(&source.functions) {
        section.import(&import.module, &import.name, EntityType::Function(*ty));
    }
    let refill = FuncType::new([wasmparser::ValType::I64], [wasmparser::ValType::I64]);
    section.import(REFILL.0, REFILL.1, EntityType::Function(remap.0.type_index(refill)));
    Ok(section)
}

fn functions(source: &Source<'_>, remap: &mut Remap) -> FunctionSection {
    let mut section = FunctionSection::new();
    for ty in source.functions.iter().skip(source.imports.len()) {
        section.function(*ty);
    }
    for helper in Helper::ALL {
        section.function(remap.0.type_index(helper.ty()));
    }
    for import in remap.0.trampolines() {
        let position = usize::try_from(*import).unwrap_or(usize::MAX);
        section.function(source.functions.get(position).copied().unwrap_or_default());
    }
    section
}

fn tables(source: &Source<'_>, remap: &mut Remap) -> Result<TableSection, Error> {
    let mut section = TableSection::new();
    for ty in &source.tables {
        section.table(remap.table_type(*ty)?);
    }
    Ok(section)
}

fn memories(source: &Source<'_>, remap: &mut Remap) -> Result<MemorySection, Error> {
    let mut section = MemorySection::new();
    for ty in &source.memories {
        section.memory(remap.memory_type(*ty)?);
    }
    Ok(section)
}

fn globals(source: &Source<'_>, remap: &mut Remap, slots: i32) -> Result<GlobalSection, Error> {
    let mut section = GlobalSection::new();
    if let Some(globals) = source.globals.clone() {
        utils::parse_global_section(remap, &mut section, globals)?;
    }
    let mutable = |val_type| GlobalType { val_type, mutable: true, shared: false };
    section.global(mutable(ValType::I64), &ConstExpr::i64_const(0));
    section.global(mutable(ValType::I32), &ConstExpr::i32_const(slots));
    for ty in remap.0.scratch_types() {
        match ty {
            wasmparser::ValType::F32 => {
                section.global(mutable(ValType::F32), &ConstExpr::f32_const(Ieee32::new(0)))
            }
            _ => section.global(mutable(ValType::F64), &ConstExpr::f64_const(Ieee64::new(0))),
        };
    }
    Ok(section)
}

fn exports(source: &Source<'_>, remap: &mut Remap) -> Result<ExportSection, Error> {
    let mut section = ExportSection::new();
    if let Some(exports) = source.exports_section.clone() {
        utils::parse_export_section(remap, &mut section, exports)?;
    }
    section.export(GAS_LEFT, ExportKind::Global, remap.0.gas);
    section.export(SLOTS_LEFT, ExportKind::Global, remap.0.slots);
    if !source.memories.is_empty() {
        section.export(MEMORY, ExportKind::Memory, 0);
    }
    if let Some(start) = source.start {
        section.export(START, ExportKind::Func, remap.0.address(start));
    }
    Ok(section)
}

fn elements(source: &Source<'_>, remap: &mut Remap) -> Result<ElementSection, Error> {
    let mut section = ElementSection::new();
    if let Some(elements) = source.elements.clone() {
        utils::parse_element_section(remap, &mut section, elements)?;
    }
    Ok(section)
}

fn code(layout: &Layout, bodies: &[Woven], guest_bodies: usize) -> CodeSection {
    let mut section = CodeSection::new();
    let (guest, trampolines) = bodies.split_at(guest_bodies);
    for body in guest {
        section.raw(&body.bytes);
    }
    helpers::write(layout, &mut section);
    for body in trampolines {
        section.raw(&body.bytes);
    }
    section
}

/// Tells compiling engines which branches are hardly ever taken.
fn hints(layout: &Layout, bodies: &[Woven], guest_bodies: usize) -> BranchHints {
    let mut section = BranchHints::new();
    let first = layout.refill_import + 1;
    for (position, body) in bodies.iter().enumerate() {
        let helpers = if position < guest_bodies { 0 } else { Helper::ALL.len() };
        let hints = body
            .unlikely
            .iter()
            .map(|offset| BranchHint { branch_func_offset: *offset, branch_hint_value: 0 });
        section.function_hints(first + index(position + helpers), hints);
    }
    section
}
