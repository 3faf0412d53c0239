//! Owns files on their way to the agent: what somebody chose or dropped, folders included, as one form.
//! Must not know what the files are.

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry, FormData};

/// Most files of one form.
const MOST: usize = 5000;

/// A file and its name with the folders that it was in.
#[derive(Clone)]
pub struct Chosen {
    /// Its name, folders included.
    pub name: String,
    file: File,
}

/// The files of an input, by their paths within the folder where one was chosen.
pub fn of_list(list: &FileList) -> Vec<Chosen> {
    let chosen = |file: File| {
        let within = Reflect::get(&file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        let name = within.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name());
        Chosen { name, file }
    };
    (0..list.length()).filter_map(|index| list.get(index)).map(chosen).collect()
}

/// What was dropped. It has to be taken while the event is handled, since nothing of it is left afterwards.
pub struct Dropped(Vec<FileSystemEntry>);

impl Dropped {
    /// Takes what a drop brought.
    pub fn of(transfer: &DataTransfer) -> Self {
        let items = transfer.items();
        let entry = |index| items.get(index)?.webkit_get_as_entry().ok().flatten();
        Self((0..items.length()).filter_map(entry).collect())
    }

    /// All files of it, those in folders included.
    ///
    /// # Errors
    /// What the browser did not give, in its own words.
    pub async fn files(self) -> Result<Vec<Chosen>, String> {
        let said = |error: JsValue| format!("{error:?}");
        let mut chosen = Vec::new();
        let mut entries = self.0;
        while let Some(entry) = entries.pop() {
            if chosen.len() >= MOST {
                break;
            }
            let name = entry.full_path().trim_start_matches('/').to_owned();
            if entry.is_file() {
                let entry: FileSystemFileEntry = entry.unchecked_into();
                let file = Promise::new(&mut |found, refused| entry.file_with_callback_and_callback(&found, &refused));
                let file = JsFuture::from(file).await.map_err(said)?;
                chosen.push(Chosen { name, file: file.unchecked_into() });
                continue;
            }
            let reader = entry.unchecked_into::<FileSystemDirectoryEntry>().create_reader();
            // A reader gives some at a time, and none when there are no more.
            loop {
                let some = Promise::new(&mut |found, refused| {
                    if let Err(error) = reader.read_entries_with_callback_and_callback(&found, &refused)
                        && let Err(error) = refused.call1(&JsValue::NULL, &error)
                    {
                        leptos::logging::warn!("a folder was not read: {error:?}");
                    }
                });
                let some: Array = JsFuture::from(some).await.map_err(said)?.unchecked_into();
                if some.length() == 0 {
                    break;
                }
                entries.extend(some.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
            }
        }
        Ok(chosen)
    }
}

/// The files as a form, a part for each.
///
/// # Errors
/// What the browser refused, in its own words.
pub fn form(files: &[Chosen]) -> Result<FormData, String> {
    let said = |error: JsValue| format!("{error:?}");
    let form = FormData::new().map_err(said)?;
    for chosen in files {
        form.append_with_blob_and_filename("file", &chosen.file, &chosen.name).map_err(said)?;
    }
    Ok(form)
}
