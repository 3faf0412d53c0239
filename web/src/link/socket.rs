//! Owns the WebSocket to the agent: MessagePack frames, and a new attempt with growing waits when it closes.
//! Must not know what a message means; the model says what to greet with and hears what comes.

use super::{backoff, decode};
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::{set_timeout_with_handle, window};
use serde_json::Value;
use shared::wire::{ClientMessage, ServerSays};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

/// What the agent says, with views, events and the machine as they came: the code that reads them comes with what shows them.
pub type Message = ServerSays<Value, Value, Value>;

/// What the socket reports.
pub enum LinkEvent {
    /// It is open; the greeting was sent.
    Opened,
    /// A message came.
    Message(Message),
    /// A frame came that could not be read.
    Unreadable(String),
    /// It is closed; attempt number so many will follow by itself.
    Closed {
        /// Attempts since it was last open.
        attempt: u32,
    },
}

type Handlers = (Closure<dyn FnMut(Event)>, Closure<dyn FnMut(MessageEvent)>, Closure<dyn FnMut(CloseEvent)>);

struct Inner {
    socket: Option<WebSocket>,
    // Held as long as the socket may call them.
    handlers: Option<Handlers>,
    attempt: u32,
    timer: Option<TimeoutHandle>,
    hear: Rc<dyn Fn(LinkEvent)>,
    greet: Rc<dyn Fn() -> Vec<ClientMessage>>,
}

/// A handle on the one socket of the page.
#[derive(Clone)]
pub struct Link(Rc<RefCell<Inner>>);

impl Link {
    /// Connects, and stays connected. `greet` is asked at every opening for what to say first; `hear` gets everything.
    pub fn start(greet: impl Fn() -> Vec<ClientMessage> + 'static, hear: impl Fn(LinkEvent) + 'static) -> Self {
        let link = Self(Rc::new(RefCell::new(Inner {
            socket: None,
            handlers: None,
            attempt: 0,
            timer: None,
            hear: Rc::new(hear),
            greet: Rc::new(greet),
        })));
        link.connect();
        link
    }

    /// Says something now; nothing where the socket is not open, since the greeting will say what matters.
    pub fn say(&self, message: &ClientMessage) {
        let inner = self.0.borrow();
        let Some(socket) = inner.socket.as_ref().filter(|s| s.ready_state() == WebSocket::OPEN) else { return };
        if rmp_serde::to_vec_named(message).is_ok_and(|bytes| socket.send_with_u8_array(&bytes).is_err()) {
            leptos::logging::warn!("the socket took no message");
        }
    }

    /// Tries again at once where a wait is under way.
    pub fn retry_now(&self) {
        let timer = self.0.borrow_mut().timer.take();
        if let Some(timer) = timer {
            timer.clear();
            self.connect();
        }
    }

    fn connect(&self) {
        let location = window().location();
        let scheme = if location.protocol().is_ok_and(|p| p == "https:") { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{}", location.host().unwrap_or_default(), crate::base::out("/ws"));
        let Ok(socket) = WebSocket::new(&url) else {
            self.closed();
            return;
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        let on_open = self.handler(|link, _: Event| link.opened());
        let on_message = self.handler(|link, event: MessageEvent| link.message(&event));
        let on_close = self.handler(|link, _: CloseEvent| link.closed());
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        let mut inner = self.0.borrow_mut();
        inner.socket = Some(socket);
        inner.handlers = Some((on_open, on_message, on_close));
    }

    fn handler<E: wasm_bindgen::convert::FromWasmAbi + 'static>(
        &self,
        then: impl Fn(&Link, E) + 'static,
    ) -> Closure<dyn FnMut(E)> {
        let link = self.clone();
        Closure::new(move |event: E| then(&link, event))
    }

    fn hear(&self, event: LinkEvent) {
        // The borrow ends before the call: whoever hears may well say something.
        let hear = self.0.borrow().hear.clone();
        hear(event);
    }

    fn opened(&self) {
        self.0.borrow_mut().attempt = 0;
        let greet = self.0.borrow().greet.clone();
        for message in greet() {
            self.say(&message);
        }
        self.hear(LinkEvent::Opened);
    }

    fn message(&self, event: &MessageEvent) {
        let Ok(buffer) = event.data().dyn_into::<js_sys::ArrayBuffer>() else {
            self.hear(LinkEvent::Unreadable("a text frame".to_owned()));
            return;
        };
        let bytes = js_sys::Uint8Array::new(&buffer).to_vec();
        match decode::message_pack(&bytes) {
            Ok(message) => self.hear(LinkEvent::Message(message)),
            Err(error) => self.hear(LinkEvent::Unreadable(error)),
        }
    }

    fn closed(&self) {
        let attempt = self.0.borrow().attempt;
        let link = self.clone();
        let wait = backoff::delay_ms(attempt, js_sys::Math::random());
        let again = move || {
            link.0.borrow_mut().timer = None;
            link.connect();
        };
        let timer = set_timeout_with_handle(again, Duration::from_millis(wait.into())).ok();
        {
            let mut inner = self.0.borrow_mut();
            inner.attempt = attempt.saturating_add(1);
            inner.timer = timer;
        }
        self.hear(LinkEvent::Closed { attempt: attempt.saturating_add(1) });
    }
}
