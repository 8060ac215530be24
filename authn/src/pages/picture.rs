//! The picture that an app reads (ISO/IEC 18004), drawn as the path of an SVG, so that no script and no other server is needed.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// How many squares are left white around it.
const MARGIN: i32 = 4;

/// How wide the picture is in squares, and its black squares; none where the text is too long for a picture.
pub(crate) fn picture(text: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            write!(path, "M{},{}h1v1h-1z", x + MARGIN, y + MARGIN).ok()?;
        }
    }
    Some((code.size() + 2 * MARGIN, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture has its finder pattern in the corner, and what is too long has none.
    #[test]
    fn pictures_are_drawn() {
        let (width, path) = picture("otpauth://totp/a:b?secret=MZXW6YTBOI").unwrap();
        assert!(width >= 29 && path.starts_with("M4,4h1v1h-1zM5,4"), "{width} {path}");
        assert!(picture(&"x".repeat(5_000)).is_none());
    }
}
