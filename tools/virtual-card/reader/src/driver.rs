//! The functions that pcscd calls: IFD handler, version 3 of its interface. Names and numbers are those of pcsclite's `ifdhandler.h`.
//!
//! Everything that is unsafe is here, and is about pointers that pcscd hands over: it owns them, they are valid for the length of the
//! call, and it calls for one reader from one thread at a time.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_uchar, c_ulong};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::reader::{LONGEST_ATR, Order, Reader};

type Dword = c_ulong;

const SUCCESS: Dword = 0;
const ERROR_TAG: Dword = 600;
const COMMUNICATION_ERROR: Dword = 612;
const CONTROL_NOT_SUPPORTED: Dword = 606;
const NOT_SUPPORTED: Dword = 614;
const ICC_PRESENT: Dword = 615;
const ICC_NOT_PRESENT: Dword = 616;
const NO_SUCH_DEVICE: Dword = 617;

const POWER_UP: Dword = 500;
const POWER_DOWN: Dword = 501;
const RESET: Dword = 502;

const TAG_ATR: Dword = 0x0303;
const TAG_POLLING_THREAD_KILLABLE: Dword = 0x0FAC;
const TAG_SLOT_THREAD_SAFE: Dword = 0x0FAD;
const TAG_SLOTS: Dword = 0x0FAE;
const TAG_SIMULTANEOUS_ACCESS: Dword = 0x0FAF;

/// How many readers there may be at a time.
const READERS: u8 = 16;

/// The protocol in which a command travels.
#[repr(C)]
pub struct Header {
    protocol: Dword,
    length: Dword,
}

/// All readers, by the number that pcscd gives each. The table is held to find one, and the reader for the length of a call: a card that
/// thinks keeps nobody else waiting.
static READERS_OPEN: Mutex<BTreeMap<Dword, Arc<Mutex<Reader>>>> = Mutex::new(BTreeMap::new());

fn table() -> MutexGuard<'static, BTreeMap<Dword, Arc<Mutex<Reader>>>> {
    READERS_OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks one reader. The upper half of a logical unit is the reader, the lower its slot, of which there is one.
fn with<T>(unit: Dword, ask: impl FnOnce(&mut Reader) -> T) -> Option<T> {
    let reader = table().get(&(unit >> 16)).cloned()?;
    let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
    Some(ask(&mut reader))
}

fn open(unit: Dword, port: Option<u16>) -> Dword {
    let Some(Ok(reader)) = port.map(Reader::open) else { return COMMUNICATION_ERROR };
    table().insert(unit >> 16, Arc::new(Mutex::new(reader)));
    SUCCESS
}

/// Copies octets to where pcscd wants them, if there is room.
///
/// # Safety
///
/// `room` octets at `to` are pcscd's to write.
unsafe fn copy(octets: &[u8], to: *mut c_uchar, room: Dword) -> bool {
    let fits = usize::try_from(room).is_ok_and(|room| octets.len() <= room) && !to.is_null();
    if fits {
        // SAFETY: the caller says that there is room, and it was just looked at how much.
        unsafe { std::ptr::copy_nonoverlapping(octets.as_ptr(), to, octets.len()) };
    }
    fits
}

/// Opens the reader of a CHANNELID.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCreateChannel(unit: Dword, channel: Dword) -> Dword {
    open(unit, u16::try_from(channel).ok())
}

/// Opens the reader of a DEVICENAME.
///
/// # Safety
///
/// The name is a string that ends in a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHCreateChannelByName(unit: Dword, name: *const c_char) -> Dword {
    // SAFETY: pcscd gives the name as its configuration has it, with a zero at its end.
    let name = unsafe { CStr::from_ptr(name) };
    open(unit, name.to_str().ok().and_then(|name| name.rsplit(':').next()?.parse().ok()))
}

/// Closes a reader.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCloseChannel(unit: Dword) -> Dword {
    table().remove(&(unit >> 16));
    SUCCESS
}

/// Says what a reader can do.
///
/// # Safety
///
/// `length` points to how many octets there are at `value`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHGetCapabilities(
    unit: Dword,
    tag: Dword,
    length: *mut Dword,
    value: *mut c_uchar,
) -> Dword {
    let answer = match tag {
        TAG_ATR => match with(unit, |reader| reader.atr().to_vec()) {
            Some(atr) => atr,
            None => return NO_SUCH_DEVICE,
        },
        TAG_SLOTS | TAG_SLOT_THREAD_SAFE => vec![1],
        TAG_POLLING_THREAD_KILLABLE => vec![0],
        TAG_SIMULTANEOUS_ACCESS => vec![READERS],
        _ => return ERROR_TAG,
    };
    // SAFETY: as the caller says; the length is set to what was written.
    unsafe {
        if length.is_null() || !copy(&answer, value, *length) {
            return ERROR_TAG;
        }
        *length = answer.len() as Dword;
    }
    SUCCESS
}

/// A reader has nothing that could be set.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetCapabilities(
    _unit: Dword,
    _tag: Dword,
    _length: Dword,
    _value: *mut c_uchar,
) -> Dword {
    NOT_SUPPORTED
}

/// Every protocol will do: no octet travels on a wire.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetProtocolParameters(
    _unit: Dword,
    _protocol: Dword,
    _flags: c_uchar,
    _first: c_uchar,
    _second: c_uchar,
    _third: c_uchar,
) -> Dword {
    SUCCESS
}

/// Gives or cuts the power, or resets.
///
/// # Safety
///
/// There is room for an ATR at `atr`, and `length` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHPowerICC(
    unit: Dword,
    action: Dword,
    atr: *mut c_uchar,
    length: *mut Dword,
) -> Dword {
    let outcome = with(unit, |reader| match action {
        POWER_UP => reader.power_on(Order::PowerOn).map(<[u8]>::to_vec),
        RESET => reader.power_on(Order::Reset).map(<[u8]>::to_vec),
        POWER_DOWN => reader.power_off().map(|()| Vec::new()),
        _ => Err(std::io::ErrorKind::Unsupported.into()),
    });
    let (status, answer) = match outcome {
        None => (NO_SUCH_DEVICE, Vec::new()),
        Some(Ok(answer)) => (SUCCESS, answer),
        // A card that is gone needs no power cut.
        Some(Err(_)) if action == POWER_DOWN => (SUCCESS, Vec::new()),
        Some(Err(error)) if error.kind() == std::io::ErrorKind::Unsupported => (NOT_SUPPORTED, Vec::new()),
        Some(Err(_)) => (COMMUNICATION_ERROR, Vec::new()),
    };
    // SAFETY: as the caller says; an ATR has no more than 33 octets, which the reader has looked at.
    unsafe {
        copy(&answer, atr, LONGEST_ATR as Dword);
        if !length.is_null() {
            *length = answer.len() as Dword;
        }
    }
    status
}

/// Gives a command to the card.
///
/// # Safety
///
/// The command is `length` octets at `command`; `answer_length` points to how many octets there are at `answer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHTransmitToICC(
    unit: Dword,
    send: Header,
    command: *const c_uchar,
    length: Dword,
    answer: *mut c_uchar,
    answer_length: *mut Dword,
    receive: *mut Header,
) -> Dword {
    let Ok(length) = usize::try_from(length) else { return COMMUNICATION_ERROR };
    if command.is_null() || answer_length.is_null() {
        return COMMUNICATION_ERROR;
    }
    // SAFETY: as the caller says.
    let command = unsafe { std::slice::from_raw_parts(command, length) };
    let outcome = with(unit, |reader| reader.transmit(command));
    // SAFETY: as the caller says.
    unsafe {
        let room = *answer_length;
        *answer_length = 0;
        match outcome {
            None => return NO_SUCH_DEVICE,
            Some(Ok(octets)) if copy(&octets, answer, room) => *answer_length = octets.len() as Dword,
            Some(_) => return COMMUNICATION_ERROR,
        }
        if let Some(receive) = receive.as_mut() {
            receive.protocol = send.protocol;
            receive.length = send.length;
        }
    }
    SUCCESS
}

/// A reader has no keys and no display.
///
/// # Safety
///
/// `returned` may be written, if it is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHControl(
    _unit: Dword,
    _code: Dword,
    _sent: *const c_uchar,
    _sent_length: Dword,
    _received: *mut c_uchar,
    _received_length: Dword,
    returned: *mut Dword,
) -> Dword {
    // SAFETY: as the caller says.
    if let Some(returned) = unsafe { returned.as_mut() } {
        *returned = 0;
    }
    CONTROL_NOT_SUPPORTED
}

/// Says whether there is a card.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHICCPresence(unit: Dword) -> Dword {
    match with(unit, Reader::has_card) {
        Some(true) => ICC_PRESENT,
        Some(false) => ICC_NOT_PRESENT,
        None => NO_SUCH_DEVICE,
    }
}
