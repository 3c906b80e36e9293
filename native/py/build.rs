//! Puts a hash of the sources into the build; `daira_native/_freshness.py` computes the same.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What the module is built from, relative to `native/`: files, and folders of `.rs` and manifests.
const SOURCES: [&str; 6] = [
    "Cargo.toml",
    "crates",
    "py/Cargo.lock",
    "py/Cargo.toml",
    "py/build.rs",
    "py/src",
];

/// Folders whose contents do not reach the module.
const NOT_BUILT: [&str; 3] = ["benches", "target", "tests"];

fn main() -> Result<(), Box<dyn Error>> {
    let manifest_dir = std::env::var("CARGO_MANIFEST_DIR")?;
    let native = Path::new(&manifest_dir)
        .parent()
        .ok_or("no folder above the manifest")?;
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", native.join(source).display());
        collect(&native.join(source), &mut files)?;
    }
    println!(
        "cargo::rustc-env=DAIRA_SOURCE_HASH={}",
        hash(native, &files)?
    );
    Ok(())
}

/// Adds the source files at or below `path`.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_file() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let (kind, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_source = name == "Cargo.toml"
            || Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "rs");
        if kind?.is_dir() {
            if !NOT_BUILT.contains(&name) {
                collect(&path, files)?;
            }
        } else if is_source {
            files.push(path);
        }
    }
    Ok(())
}

/// SHA-256 over "relative path, NUL, hex SHA-256 of the content, newline" in order of the paths.
fn hash(native: &Path, files: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    let mut lines = Vec::new();
    for file in files {
        let relative = file
            .strip_prefix(native)?
            .to_str()
            .ok_or("a path is not UTF-8")?;
        let content = format!("{:x}", Sha256::digest(fs::read(file)?));
        lines.push(format!("{}\0{content}\n", relative.replace('\\', "/")));
    }
    lines.sort();
    Ok(format!("{:x}", Sha256::digest(lines.concat())))
}
