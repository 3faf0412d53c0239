//! Owns what agent and browser both say of engines: their kinds, the form of their parameters, what is known of one and of its model.
//! Must not know how an engine is started, asked or stopped.

pub mod builtin;
mod info;
mod kind;
mod parameter;
mod shape;

pub use info::{Capacity, EngineInfo, Gpu, ImageInfo, Phase, StartPhase, Starting};
pub use kind::{EngineKind, Launch, Route};
pub use parameter::{ParamValue, Parameter, Values, find_parameter};
pub use shape::{Attention, Experts, ModelShape};
