import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.Security;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSAlgorithmProtection;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.asn1.ess.ESSCertIDv2;
import org.bouncycastle.asn1.ess.SigningCertificateV2;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.ocsp.OCSPObjectIdentifiers;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.cert.X509CRLEntryHolder;
import org.bouncycastle.cert.X509CRLHolder;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.cert.ocsp.BasicOCSPResp;
import org.bouncycastle.cert.ocsp.CertificateStatus;
import org.bouncycastle.cert.ocsp.OCSPResp;
import org.bouncycastle.cert.ocsp.RevokedStatus;
import org.bouncycastle.cert.ocsp.SingleResp;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Bouncy Castle's judgement. Each argument after the first names a DER file:
 *
 * <pre>
 * path      ROOT LEAF [INTERMEDIATE | CRL]…
 * crl       ISSUER CRL
 * entries   ISSUER CRL; first writes a line for each entry: serial in hexadecimal and number of the reason, or none
 * ocsp      ISSUER SERIAL RESPONSE, where SERIAL is hexadecimal; first writes the status
 * attached  ROOT CMS [INTERMEDIATE | CRL]…
 * detached  ROOT CMS CONTENT [INTERMEDIATE | CRL]…
 * stamped   ROOT CMS [INTERMEDIATE | CRL]…; the content lies inside, and its time is proven
 * record    RECORD DOCUMENT: an evidence record (RFC 4998) of the document, however often renewed
 * made      TOKEN DOCUMENT; first writes an evidence record of the document by this time-stamp, in base64
 * </pre>
 *
 * Writes one line of JSON, {"accepted":true} or {"accepted":false,"reason":"…"}, and ends with 0 if it could judge.
 */
public final class Judge {
    private static final String BC = BouncyCastleProvider.PROVIDER_NAME;

    private final X509Certificate root;
    private final List<X509Certificate> others = new ArrayList<>();
    private final List<X509CRL> crls = new ArrayList<>();

    private Judge(String root, List<String> rest) throws Exception {
        this.root = certificate(read(root));
        for (String name : rest) {
            if (name.endsWith(".crl")) {
                crls.add(crl(read(name)));
            } else {
                others.add(certificate(read(name)));
            }
        }
    }

    public static void main(String[] arguments) {
        Security.addProvider(new BouncyCastleProvider());
        List<String> rest = Arrays.asList(arguments).subList(2, arguments.length);
        try {
            switch (arguments[0]) {
                case "path":
                    Judge path = new Judge(arguments[1], rest.subList(1, rest.size()));
                    path.path(certificate(read(rest.get(0))));
                    break;
                case "crl":
                    crl(read(rest.get(0))).verify(certificate(read(arguments[1])).getPublicKey(), BC);
                    break;
                case "entries":
                    crl(read(rest.get(0))).verify(certificate(read(arguments[1])).getPublicKey(), BC);
                    entries(read(rest.get(0))).forEach(System.out::println);
                    break;
                case "ocsp":
                    System.out.println(status(certificate(read(arguments[1])), rest.get(0), read(rest.get(1))));
                    break;
                case "attached":
                    new Judge(arguments[1], rest.subList(1, rest.size())).cms(read(rest.get(0)), null);
                    break;
                case "detached":
                    new Judge(arguments[1], rest.subList(2, rest.size())).cms(read(rest.get(0)), read(rest.get(1)));
                    break;
                case "record":
                    Stamps.record(read(arguments[1]), read(rest.get(0)));
                    break;
                case "made":
                    byte[] made = Stamps.made(read(arguments[1]), read(rest.get(0)));
                    System.out.println(Base64.getEncoder().encodeToString(made));
                    break;
                case "stamped":
                    new Judge(arguments[1], rest.subList(1, rest.size())).stamped(read(rest.get(0)));
                    break;
                default:
                    throw new IllegalArgumentException("no such judgement: " + arguments[0]);
            }
            System.out.println("{\"accepted\":true}");
        } catch (Exception refusal) {
            String reason = refusal.toString().replaceAll("[\\\\\"\\p{Cntrl}]", " ");
            System.out.println("{\"accepted\":false,\"reason\":\"" + reason + "\"}");
        }
    }

    /** Signature, signed attributes and path of every signer; `content` is null when it lies inside. */
    private void cms(byte[] encoded, byte[] content) throws Exception {
        require(Arrays.equals(ASN1Primitive.fromByteArray(encoded).getEncoded(ASN1Encoding.DER), encoded), "not DER");
        CMSSignedData signed = content == null
            ? new CMSSignedData(encoded)
            : new CMSSignedData(new CMSProcessableByteArray(content), encoded);
        require((content == null) == !signed.isDetachedSignature(), "content is not where it was said to be");
        Collection<SignerInformation> signers = signed.getSignerInfos().getSigners();
        require(!signers.isEmpty(), "no signer");
        for (Object held : signed.getCertificates().getMatches(null)) {
            others.add(certificate(((X509CertificateHolder) held).getEncoded()));
        }
        for (SignerInformation signer : signers) {
            Collection<?> matches = signed.getCertificates().getMatches(signer.getSID());
            require(matches.size() == 1, "the signer's certificate is not inside");
            X509CertificateHolder holder = (X509CertificateHolder) matches.iterator().next();
            require(signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(holder)), "wrong signature");
            attributes(signer, holder.getEncoded());
            path(certificate(holder.getEncoded()));
        }
    }

    /** The same as attached, and the path of whoever gave each of its time-stamps. */
    private void stamped(byte[] encoded) throws Exception {
        cms(encoded, null);
        for (X509CertificateHolder giver : Stamps.check(encoded)) {
            path(certificate(giver.getEncoded()));
        }
    }

    /** The signed attributes that the profile asks for, each once and right. */
    private static void attributes(SignerInformation signer, byte[] certificate) throws Exception {
        AttributeTable table = signer.getSignedAttributes();
        value(table, CMSAttributes.contentType);
        value(table, CMSAttributes.messageDigest);
        value(table, CMSAttributes.signingTime);
        SigningCertificateV2 named =
            SigningCertificateV2.getInstance(value(table, PKCSObjectIdentifiers.id_aa_signingCertificateV2));
        ESSCertIDv2 first = named.getCerts()[0];
        MessageDigest digest = MessageDigest.getInstance(first.getHashAlgorithm().getAlgorithm().getId(), BC);
        require(Arrays.equals(digest.digest(certificate), first.getCertHash()), "another certificate was named as the signer's");
        CMSAlgorithmProtection guarded =
            CMSAlgorithmProtection.getInstance(value(table, CMSAttributes.cmsAlgorithmProtect));
        require(guarded.getDigestAlgorithm().equals(signer.getDigestAlgorithmID()), "another digest algorithm was protected");
        String algorithm = guarded.getSignatureAlgorithm().getAlgorithm().getId();
        require(algorithm.equals(signer.getEncryptionAlgOID()), "another signature algorithm was protected");
    }

    private static ASN1Encodable value(AttributeTable table, ASN1ObjectIdentifier type) {
        require(table != null && table.getAll(type).size() == 1, "signed attribute " + type + " is not there once");
        Attribute attribute = table.get(type);
        require(attribute.getAttrValues().size() == 1, "signed attribute " + type + " has not one value");
        return attribute.getAttrValues().getObjectAt(0);
    }

    /** What an OCSP response says of a serial: good, or revoked with the number of its reason. */
    private static String status(X509Certificate issuer, String serial, byte[] encoded) throws Exception {
        OCSPResp response = new OCSPResp(encoded);
        require(response.getStatus() == OCSPResp.SUCCESSFUL, "status " + response.getStatus());
        BasicOCSPResp answer = (BasicOCSPResp) response.getResponseObject();
        X509CertificateHolder responder = answer.getCerts()[0];
        JcaContentVerifierProviderBuilder verifiers = new JcaContentVerifierProviderBuilder().setProvider(BC);
        require(responder.isSignatureValid(verifiers.build(issuer)), "the responder is not the issuer's");
        require(ExtendedKeyUsage.fromExtensions(responder.getExtensions()).hasKeyPurposeId(KeyPurposeId.id_kp_OCSPSigning),
            "the responder may not answer");
        require(responder.getExtension(OCSPObjectIdentifiers.id_pkix_ocsp_nocheck) != null, "the responder must be checked");
        require(answer.isSignatureValid(verifiers.build(responder)), "wrong signature");
        X509CertificateHolder holder = new JcaX509CertificateHolder(issuer);
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().setProvider(BC).build();
        for (SingleResp single : answer.getResponses()) {
            if (single.getCertID().matchesIssuer(holder, digests)
                && single.getCertID().getSerialNumber().equals(new BigInteger(serial, 16))) {
                CertificateStatus status = single.getCertStatus();
                if (status == CertificateStatus.GOOD) {
                    return "good";
                }
                RevokedStatus revoked = (RevokedStatus) status;
                return "revoked " + (revoked.hasRevocationReason() ? revoked.getRevocationReason() : "none");
            }
        }
        throw new IllegalStateException("nothing is said of this serial");
    }

    /** The entries of a revocation list. */
    private static List<String> entries(byte[] encoded) throws Exception {
        List<String> lines = new ArrayList<>();
        for (Object listed : new X509CRLHolder(encoded).getRevokedCertificates()) {
            X509CRLEntryHolder entry = (X509CRLEntryHolder) listed;
            Extension reason = entry.getExtension(Extension.reasonCode);
            String code = reason == null ? "none" : CRLReason.getInstance(reason.getParsedValue()).getValue().toString();
            lines.add(entry.getSerialNumber().toString(16) + " " + code);
        }
        return lines;
    }

    /** Path from the leaf to the root, every certificate checked against a CRL. */
    private void path(X509Certificate leaf) throws Exception {
        List<X509Certificate> chain = new ArrayList<>();
        X509Certificate last = leaf;
        while (!last.getIssuerX500Principal().equals(root.getSubjectX500Principal())) {
            chain.add(last);
            X509Certificate issuer = null;
            for (X509Certificate other : others) {
                if (other.getSubjectX500Principal().equals(last.getIssuerX500Principal())) {
                    issuer = other;
                }
            }
            require(issuer != null && !chain.contains(issuer), "no path to the root");
            last = issuer;
        }
        chain.add(last);
        CertPath path = CertificateFactory.getInstance("X.509", BC).generateCertPath(chain);
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(crls), BC));
        parameters.setRevocationEnabled(true);
        CertPathValidator.getInstance("PKIX", BC).validate(path, parameters);
    }

    private static byte[] read(String name) throws Exception {
        return Files.readAllBytes(Path.of(name));
    }

    private static X509Certificate certificate(byte[] der) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509", BC).generateCertificate(new ByteArrayInputStream(der));
    }

    private static X509CRL crl(byte[] der) throws Exception {
        return (X509CRL) CertificateFactory.getInstance("X.509", BC).generateCRL(new ByteArrayInputStream(der));
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }
}
