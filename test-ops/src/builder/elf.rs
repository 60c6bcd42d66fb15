use object::{Object, ObjectSection, elf::FileHeader64, read::elf::ElfFile};

use super::layout::{self, Configuration};

type Elf<'data> = ElfFile<'data, FileHeader64<object::Endianness>>;

/// Offset of `e_machine` in the ELF header (System V ABI).
const MACHINE_OFFSET: usize = 18;
/// `EM_AARCH64`
pub(super) const MACHINE_AARCH64: u16 = 183;
const BUILD_ID_SECTION: &str = ".note.gnu.build-id";
/// Name size, descriptor size, type and the name `GNU\0` precede the build identifier.
const BUILD_ID_OFFSET: usize = 16;

/// Writes a configuration block into a sample library, and a build identifier that follows from
/// the new content, as a linker would have made it.
pub(super) fn configure(library: &mut [u8], configuration: &Configuration) -> Result<(), String> {
    let block = section(library, layout::SECTION)?;
    let old = library.get(block.clone()).unwrap_or_default();
    if !old.starts_with(&layout::MAGIC) || old.len() < layout::SIZE {
        return Err(format!(
            "section {} does not start with its magic number",
            layout::SECTION
        ));
    }
    library[block][..layout::SIZE].copy_from_slice(&configuration.encode());
    let note = section(library, BUILD_ID_SECTION)?;
    let hash = blake3::hash(library);
    let identifier = library[note].get_mut(BUILD_ID_OFFSET..).unwrap_or_default();
    let length = identifier.len().min(hash.as_bytes().len());
    identifier[..length].copy_from_slice(&hash.as_bytes()[..length]);
    Ok(())
}

/// Writes another architecture into the ELF header.
pub(super) fn set_machine(library: &mut [u8], machine: u16) -> Result<(), String> {
    let field = library
        .get_mut(MACHINE_OFFSET..MACHINE_OFFSET + 2)
        .ok_or("it is shorter than an ELF header")?;
    field.copy_from_slice(&machine.to_le_bytes());
    Ok(())
}

/// Where a section lies in the file.
fn section(library: &[u8], name: &str) -> Result<std::ops::Range<usize>, String> {
    let elf =
        Elf::parse(library).map_err(|error| format!("it is not a 64-bit ELF file: {error}"))?;
    let (offset, size) = elf
        .section_by_name(name)
        .and_then(|section| section.file_range())
        .ok_or_else(|| format!("it has no section {name}"))?;
    let range = offset as usize..(offset + size) as usize;
    if range.end > library.len() {
        return Err(format!("its section {name} ends behind the file"));
    }
    Ok(range)
}
