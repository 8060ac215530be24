//! A driver of card readers for pcscd, whose readers exist on this machine's loopback only: a program that connects to the reader's port
//! is the card in it, and is pulled when it closes the connection. It speaks what `vpcd` of vsmartcard speaks.
//!
//! A reader's port is its CHANNELID, or what follows the last colon of its DEVICENAME. Every message is two octets of length, then the
//! octets; a message to the card that is one octet long is an order and not a command.

mod driver;
mod reader;
