import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.ASN1Set;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.DERTaggedObject;
import org.bouncycastle.asn1.cmp.PKIStatus;
import org.bouncycastle.asn1.cmp.PKIStatusInfo;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.SignedData;
import org.bouncycastle.asn1.cms.SignerInfo;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.tsp.TimeStampResp;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.TimeStampResponse;
import org.bouncycastle.tsp.TimeStampToken;
import org.bouncycastle.tsp.ers.ERSArchiveTimeStamp;
import org.bouncycastle.tsp.ers.ERSArchiveTimeStampGenerator;
import org.bouncycastle.tsp.ers.ERSByteData;
import org.bouncycastle.tsp.ers.ERSEvidenceRecord;
import org.bouncycastle.tsp.ers.ERSEvidenceRecordGenerator;

/** The time-stamps in a signature: over its value, and over all of it (ETSI EN 319 122-1 5.3 and 5.5). */
final class Stamps {
    private static final ASN1ObjectIdentifier ARCHIVE = new ASN1ObjectIdentifier("0.4.0.1733.2.4");
    private static final ASN1ObjectIdentifier INDEX = new ASN1ObjectIdentifier("0.4.0.19122.1.5");
    private static final String BC = "BC";

    private Stamps() {}

    /** Checks every time-stamp of an attached signature, and gives the certificates of those who gave them; at least one must be there. */
    static List<X509CertificateHolder> check(byte[] encoded) throws Exception {
        List<X509CertificateHolder> givers = new ArrayList<>();
        SignerInformation signer = new CMSSignedData(encoded).getSignerInfos().getSigners().iterator().next();
        require(signer.getUnsignedAttributes() != null, "nothing stands around the signature");
        Attribute over = signer.getUnsignedAttributes().get(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken);
        require(over != null, "no signature-time-stamp");
        givers.add(token(over.getAttrValues().getObjectAt(0), signer.getSignature()));
        Attribute archive = signer.getUnsignedAttributes().get(ARCHIVE);
        if (archive != null) {
            ASN1Encodable value = archive.getAttrValues().getObjectAt(0);
            givers.add(token(value, archived(encoded, value)));
        }
        return givers;
    }

    /** An evidence record has the document in it, and its last time-stamp holds, each before it by the next. */
    static void record(byte[] encoded, byte[] document) throws Exception {
        ERSEvidenceRecord record =
            new ERSEvidenceRecord(encoded, new JcaDigestCalculatorProviderBuilder().setProvider(BC).build());
        record.validatePresent(new ERSByteData(document), new Date());
        X509CertificateHolder giver = record.getSigningCertificate();
        require(giver != null, "whose time-stamp it is, is not inside");
        record.validate(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(giver));
    }

    /** An evidence record of one document, by a time-stamp of its SHA-256. */
    static byte[] made(byte[] token, byte[] document) throws Exception {
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().setProvider(BC).build();
        AlgorithmIdentifier hash = new AlgorithmIdentifier(NISTObjectIdentifiers.id_sha256);
        ERSArchiveTimeStampGenerator generator = new ERSArchiveTimeStampGenerator(digests.get(hash));
        generator.addData(new ERSByteData(document));
        TimeStampResp granted = new TimeStampResp(new PKIStatusInfo(PKIStatus.granted), ContentInfo.getInstance(token));
        ERSArchiveTimeStamp stamp = generator.generateArchiveTimeStamps(new TimeStampResponse(granted)).get(0);
        return new ERSEvidenceRecordGenerator(digests).generate(stamp).getEncoded();
    }

    /** A token holds for these octets. */
    private static X509CertificateHolder token(ASN1Encodable value, byte[] octets) throws Exception {
        TimeStampToken token = new TimeStampToken(ContentInfo.getInstance(value));
        Collection<?> matches = token.getCertificates().getMatches(token.getSID());
        require(matches.size() == 1, "whose time-stamp it is, is not inside");
        X509CertificateHolder giver = (X509CertificateHolder) matches.iterator().next();
        // Signature, ESSCertIDv2, extended key usage: critical and alone; and validity at its time.
        token.validate(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(giver));
        byte[] digest = digest(token.getTimeStampInfo().getMessageImprintAlgOID(), octets);
        require(Arrays.equals(digest, token.getTimeStampInfo().getMessageImprintDigest()), "it is about something else");
        return giver;
    }

    /** What an archive time-stamp is about, once its index is found to list exactly what was there. */
    private static byte[] archived(byte[] encoded, ASN1Encodable value) throws Exception {
        SignedData data = SignedData.getInstance(ContentInfo.getInstance(encoded).getContent());
        SignerInfo signer = SignerInfo.getInstance(data.getSignerInfos().getObjectAt(0));
        SignedData inner = SignedData.getInstance(ContentInfo.getInstance(value).getContent());
        SignerInfo giver = SignerInfo.getInstance(inner.getSignerInfos().getObjectAt(0));
        Attribute carried = Attribute.getInstance(giver.getUnauthenticatedAttributes().getObjectAt(0));
        require(carried.getAttrType().equals(INDEX), "no index");
        ASN1Sequence index = ASN1Sequence.getInstance(carried.getAttrValues().getObjectAt(0));
        ASN1ObjectIdentifier hash = AlgorithmIdentifier.getInstance(index.getObjectAt(0)).getAlgorithm();
        same(index.getObjectAt(1), hashes(hash, members(data.getCertificates())), "certificates");
        same(index.getObjectAt(2), hashes(hash, members(data.getCRLs())), "revocation lists");
        List<byte[]> attributes = new ArrayList<>();
        for (ASN1Encodable each : signer.getUnauthenticatedAttributes()) {
            Attribute attribute = Attribute.getInstance(each);
            if (!attribute.getAttrType().equals(ARCHIVE)) {
                for (ASN1Encodable one : attribute.getAttrValues()) {
                    attributes.add(joined(der(attribute.getAttrType()), der(one)));
                }
            }
        }
        same(index.getObjectAt(3), hashes(hash, attributes), "unsigned attributes");
        byte[] content = ASN1OctetString.getInstance(data.getEncapContentInfo().getContent()).getOctets();
        return joined(
            der(data.getEncapContentInfo().getContentType()),
            digest(hash, content),
            der(signer.getVersion()),
            der(signer.getSID()),
            der(signer.getDigestAlgorithm()),
            der(new DERTaggedObject(false, 0, new DERSet(signer.getAuthenticatedAttributes().toArray()))),
            der(signer.getDigestEncryptionAlgorithm()),
            der(signer.getEncryptedDigest()),
            der(index));
    }

    private static List<byte[]> members(ASN1Set set) throws Exception {
        List<byte[]> members = new ArrayList<>();
        for (ASN1Encodable member : set) {
            members.add(der(member));
        }
        return members;
    }

    private static List<String> hashes(ASN1ObjectIdentifier hash, List<byte[]> members) throws Exception {
        List<String> hashes = new ArrayList<>();
        for (byte[] member : members) {
            hashes.add(Arrays.toString(digest(hash, member)));
        }
        return hashes;
    }

    private static void same(ASN1Encodable listed, List<String> there, String what) {
        List<String> found = new ArrayList<>();
        for (ASN1Encodable each : ASN1Sequence.getInstance(listed)) {
            found.add(Arrays.toString(ASN1OctetString.getInstance(each).getOctets()));
        }
        require(found.size() == there.size() && found.containsAll(there), "the index lists other " + what);
    }

    private static byte[] digest(ASN1ObjectIdentifier hash, byte[] octets) throws Exception {
        return MessageDigest.getInstance(hash.getId(), BC).digest(octets);
    }

    private static byte[] der(ASN1Encodable value) throws Exception {
        return value.toASN1Primitive().getEncoded(ASN1Encoding.DER);
    }

    private static byte[] joined(byte[]... parts) {
        int length = Arrays.stream(parts).mapToInt(part -> part.length).sum();
        byte[] all = new byte[length];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }
}
