//! Photographs: their kind, size and shape, read from their header.

use aws_lc_rs::digest::{SHA256, digest};

use crate::api::Photo;
use crate::error::Error;

/// The largest file.
pub(crate) const LARGEST: usize = 2 * 1024 * 1024;
/// The shortest and the longest side, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 200..=6000;

/// Takes a photograph of a face: a JPEG or PNG, upright or square.
pub(crate) fn checked(bytes: &[u8]) -> Result<Photo, Error> {
    let field = |sentence: &str| Error::field("photo", sentence);
    if bytes.len() > LARGEST {
        return Err(field("It is larger than 2 MiB. Save it smaller."));
    }
    let (media, size) = match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', rest @ ..] => ("image/png", png(rest)),
        [0xff, 0xd8, rest @ ..] => ("image/jpeg", jpeg(rest)),
        _ => return Err(field("It is neither JPEG nor PNG. Save it as one of these.")),
    };
    let (width, height) =
        size.ok_or_else(|| field("Its header does not read. Save it anew as JPEG or PNG."))?;
    if !SIDES.contains(&width) || !SIDES.contains(&height) {
        return Err(field("Each side has between 200 and 6000 pixels. Take it nearer, or save it smaller."));
    }
    // Square to two by three, a little more either way.
    if width * 10 > height * 11 || height * 10 > width * 16 {
        return Err(field("It is upright or square: cut it to the head and shoulders."));
    }
    let sha256 = hex::encode(digest(&SHA256, bytes).as_ref());
    Ok(Photo { media: media.to_owned(), width, height, sha256 })
}

/// The size in the first chunk (PNG 11.2.1).
fn png(rest: &[u8]) -> Option<(u32, u32)> {
    let chunk = rest.get(..25)?;
    let head = chunk.strip_prefix(&[0, 0, 0, 13, b'I', b'H', b'D', b'R'])?;
    let number = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    // IDAT comes before IEND, so there is more than the header.
    (rest.len() > 25 + 12).then_some((number(0)?, number(4)?))
}

/// The size in the frame header (ITU-T T.81 B.2.2), found by walking the segments before it.
fn jpeg(mut rest: &[u8]) -> Option<(u32, u32)> {
    loop {
        let [0xff, marker, after @ ..] = rest else { return None };
        match marker {
            // A fill byte.
            0xff => rest = &rest[1..],
            // Markers without a segment, and the ends of what can come before a frame.
            0x01 | 0xd0..=0xda => return None,
            _ => {
                let length = usize::from(u16::from_be_bytes(after.get(..2)?.try_into().ok()?));
                let segment = after.get(2..length)?;
                let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
                if is_frame {
                    let number = |at: usize| {
                        segment.get(at..at + 2)?.try_into().ok().map(|two| u32::from(u16::from_be_bytes(two)))
                    };
                    // The scan follows; without it there is no picture.
                    return (after.len() > length).then_some((number(3)?, number(1)?));
                }
                rest = &after[length..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least that reads as a JPEG of this size.
    fn a_jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc0, 0, 11, 8];
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend([1, 1, 0x11, 0, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9]);
        bytes
    }

    fn a_png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 2, 0, 0, 0, 1, 2, 3, 4]);
        bytes.extend([0; 24]);
        bytes
    }

    /// Both kinds are read; a landscape, a stamp, a poster, a GIF and a torn file are refused.
    #[test]
    fn photographs_are_upright() {
        let jpeg = checked(&a_jpeg(600, 800)).unwrap();
        assert_eq!((jpeg.media.as_str(), jpeg.width, jpeg.height), ("image/jpeg", 600, 800));
        assert_eq!(checked(&a_png(500, 500)).unwrap().media, "image/png");
        for bad in [
            a_jpeg(800, 600),
            a_jpeg(100, 120),
            a_png(7000, 7000),
            a_png(300, 600),
            b"GIF89a".to_vec(),
            Vec::new(),
        ] {
            assert!(checked(&bad).is_err());
        }
        let whole = a_jpeg(600, 800);
        assert!(checked(&whole[..16]).is_err() && checked(&a_png(500, 500)[..30]).is_err());
        assert!(checked(&[whole, vec![0; LARGEST]].concat()).is_err());
    }

    proptest! {
        /// Whatever the bytes are, reading ends, and in a refusal or in a size within the bounds.
        #[test]
        fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0..3usize) {
            let begun = [vec![], vec![0xff, 0xd8, 0xff], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()];
            let bytes = [begun[at].clone(), bytes].concat();
            if let Ok(photo) = checked(&bytes) {
                prop_assert!(SIDES.contains(&photo.width) && SIDES.contains(&photo.height));
            }
        }
    }
}
