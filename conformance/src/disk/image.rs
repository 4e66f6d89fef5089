//! What a disk may hold after a power cut: every combination is possible, a few of them say the most.

use super::{DirectoryNode, FileNode, Node, SECTOR, State};
use crate::Rng;

/// Which of what was not durable survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// All data, no names.
    DataOnly,
    /// All names, no data, and files have their old lengths.
    NamesOnly,
    /// All names and lengths, no data.
    NamesAndLengths,
    /// Everything, but only so many bytes of the last write.
    Torn(usize),
    /// A random choice for each name, length and sector.
    Random(u64),
}

impl Image {
    /// The images that are looked at for each power cut; the random ones differ with `seed`.
    pub fn all(seed: u64) -> Vec<Self> {
        let mut images = vec![
            Self::Nothing,
            Self::Everything,
            Self::DataOnly,
            Self::NamesOnly,
            Self::NamesAndLengths,
        ];
        images.extend([1, 7, 511, 512, 4095].map(Self::Torn));
        let mut rng = Rng::new(seed);
        images.extend((0..8).map(|_| Self::Random(rng.next_u64())));
        images
    }
}

/// The disk `state` after a power cut, with what `image` lets survive.
pub(super) fn take(state: &State, image: Image) -> State {
    let mut rng = Rng::new(if let Image::Random(seed) = image { seed } else { 0 });
    let torn = match (image, state.last_write) {
        (Image::Torn(kept), Some((file, offset, length))) if kept < length => {
            Some((file, offset, offset + kept))
        }
        _ => None,
    };
    let nodes = state.nodes.iter().enumerate();
    let nodes = nodes.map(|(number, node)| match node {
        Node::File(file) => {
            let torn = torn.filter(|torn| torn.0 == number).map(|torn| (torn.1, torn.2));
            let content = surviving_data(file, image, torn, &mut rng);
            let (cached, durable) = (content.clone(), content);
            Node::File(FileNode { cached, durable, ..FileNode::default() })
        }
        Node::Directory(directory) => {
            let cached = surviving_names(directory, image, &mut rng);
            Node::Directory(DirectoryNode { durable: cached.clone(), cached })
        }
    });
    State {
        nodes: nodes.collect(),
        operations: Vec::new(),
        fault: None,
        next_fault: None,
        omission: None,
        off: false,
        full: false,
        last_write: None,
        locks: std::collections::HashMap::new(),
        handles: 0,
    }
}

/// What of a file survives; `torn` is where the last write began and where it was torn off.
fn surviving_data(
    file: &FileNode,
    image: Image,
    torn: Option<(usize, usize)>,
    rng: &mut Rng,
) -> Vec<u8> {
    match image {
        Image::Nothing | Image::NamesOnly => file.durable.clone(),
        Image::NamesAndLengths => file.survivor(file.resized, |_| 0),
        Image::Everything | Image::DataOnly => file.survivor(file.resized, |_| usize::MAX),
        Image::Torn(_) => file.survivor(file.resized, |sector| match torn {
            Some((start, end)) if (sector + 1) * SECTOR > start => {
                end.saturating_sub(sector * SECTOR)
            }
            _ => usize::MAX,
        }),
        Image::Random(_) => {
            let new_length = file.resized && rng.below(2) == 0;
            file.survivor(new_length, |_| match rng.below(3) {
                0 => 0,
                1 => usize::MAX,
                _ => usize::try_from(rng.below(512)).expect("below 512"),
            })
        }
    }
}

fn surviving_names(
    directory: &DirectoryNode,
    image: Image,
    rng: &mut Rng,
) -> std::collections::BTreeMap<String, usize> {
    match image {
        Image::Nothing | Image::DataOnly => directory.durable.clone(),
        Image::Everything | Image::NamesOnly | Image::NamesAndLengths | Image::Torn(_) => {
            directory.cached.clone()
        }
        Image::Random(_) => {
            let mut names = directory.durable.clone();
            for name in directory.durable.keys().chain(directory.cached.keys()) {
                let (old, new) = (directory.durable.get(name), directory.cached.get(name));
                match new {
                    _ if old == new || rng.below(2) == 0 => {}
                    Some(number) => drop(names.insert(name.clone(), *number)),
                    None => drop(names.remove(name)),
                }
            }
            names
        }
    }
}
