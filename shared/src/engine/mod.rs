//! Owns what agent and browser both say of engines: kinds, the form of parameters, what is known of one and its model.
//! Must not know how an engine is started, asked or stopped.

pub mod builtin;
mod gpu;
mod info;
mod kind;
mod parameter;
mod shape;

pub use gpu::{Gpu, GpuBounds, Operands};
pub use info::{Capacity, EngineInfo, ImageInfo, Phase, StartPhase, Starting};
pub use kind::{EngineKind, Launch, Route};
pub use parameter::{ParamValue, Parameter, Values, find_parameter};
#[cfg(test)]
pub(crate) use shape::llama_2_7b;
pub use shape::{Attention, Experts, ModelShape};
