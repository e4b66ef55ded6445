//! ZIP archives, the format of the broker's certificates.

/// Creates a ZIP archive with one uncompressed file.
pub(super) fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let (name, size) = (name.as_bytes(), (content.len() as u32).to_le_bytes());
    let name_length = (name.len() as u16).to_le_bytes();
    // The common part of the file's header and its directory entry: version, flags, method, time,
    // date, checksum, sizes, and the lengths of the name and of the extra field.
    let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    for part in [&crc32(content).to_le_bytes()[..], &size, &size, &name_length, &[0, 0]] {
        common.extend(part);
    }
    let mut archive = [&b"PK\x03\x04"[..], &common, name, content].concat();
    let start = (archive.len() as u32).to_le_bytes();
    // Comment, disk, internal and external attributes, and the offset of the file.
    let entry = [&b"PK\x01\x02\x14\0"[..], &common, &[0; 14], name].concat();
    let length = (entry.len() as u32).to_le_bytes();
    archive.extend(entry);
    for part in [&b"PK\x05\x06"[..], &[0; 4], &[1, 0, 1, 0], &length, &start, &[0, 0]] {
        archive.extend(part);
    }
    archive
}

fn crc32(content: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(sum & 1))
        })
    };
    !content.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_has_the_standard_checksum_of_its_content() {
        // The check value of CRC-32 in its catalogues.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        let archive = archive("ca.cert", b"123456789");
        assert_eq!(archive[14..18], 0xCBF4_3926_u32.to_le_bytes());
    }
}
