import java.math.BigInteger;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.util.Date;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Bouncy Castle as a peer: detached CMS signatures of 1 KB over software keys, two threads.
 * Arguments: RSA|EC, provider (BC|JDK), seconds. Prints one line: signatures per second.
 */
public final class CmsBench {
    public static void main(String[] args) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        boolean rsa = args[0].equals("RSA");
        boolean bc = args[1].equals("BC");
        double seconds = Double.parseDouble(args[2]);
        KeyPairGenerator generator = KeyPairGenerator.getInstance(rsa ? "RSA" : "EC");
        generator.initialize(rsa ? 2048 : 256);
        KeyPair pair = generator.generateKeyPair();
        String algorithm = rsa ? "SHA256withRSA" : "SHA256withECDSA";
        X509Certificate certificate = selfSigned(pair, algorithm);
        run(pair.getPrivate(), certificate, algorithm, bc, 2.0); // warm-up of the just-in-time compiler
        System.out.printf("%.1f%n", run(pair.getPrivate(), certificate, algorithm, bc, seconds));
    }

    private static X509Certificate selfSigned(KeyPair pair, String algorithm) throws Exception {
        X500Name name = new X500Name("CN=bench");
        long now = System.currentTimeMillis();
        return new JcaX509CertificateConverter().getCertificate(
            new JcaX509v3CertificateBuilder(name, BigInteger.ONE, new Date(now - 1000), new Date(now + 86_400_000L), name,
                pair.getPublic()).build(new JcaContentSignerBuilder(algorithm).build(pair.getPrivate())));
    }

    private static double run(PrivateKey key, X509Certificate certificate, String algorithm, boolean bc, double seconds)
        throws Exception {
        AtomicLong count = new AtomicLong();
        long start = System.nanoTime();
        long end = start + (long) (seconds * 1e9);
        Thread[] threads = new Thread[2];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> {
                try {
                    byte[] content = new byte[1024];
                    while (System.nanoTime() < end) {
                        sign(key, certificate, algorithm, bc, content);
                        count.incrementAndGet();
                    }
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return count.get() / ((System.nanoTime() - start) / 1e9);
    }

    private static byte[] sign(PrivateKey key, X509Certificate certificate, String algorithm, boolean bc, byte[] content)
        throws Exception {
        JcaContentSignerBuilder builder = new JcaContentSignerBuilder(algorithm);
        if (bc) {
            builder.setProvider("BC");
        }
        ContentSigner signer = builder.build(key);
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSignerInfoGenerator(
            new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().build()).build(signer, certificate));
        generator.addCertificates(new JcaCertStore(List.of(certificate)));
        return generator.generate(new CMSProcessableByteArray(content), false).getEncoded("DER");
    }
}
