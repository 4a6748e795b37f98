import arbitrage.fields
from decimal import Decimal
from django.db import migrations, models
from django.utils import timezone


def tell_old_breaks_apart(apps, schema_editor):
    # Each run kept a row of its own: they stay as they are, each under a key of its own.
    Break = apps.get_model('arbitrage', 'Break')
    for row in Break.objects.select_related('run').iterator():
        Break.objects.filter(pk=row.pk).update(
            exchange=row.run.exchange, key=f'run:{row.pk}', opened_at=row.run.at, last_seen_at=row.run.at
        )


class Migration(migrations.Migration):

    dependencies = [
        ('arbitrage', '0002_wire_settings'),
    ]

    operations = [
        migrations.CreateModel(
            name='Adjustment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('exchange', models.CharField(choices=[('upbit', 'Upbit'), ('bithumb', 'Bithumb')], max_length=16)),
                ('ref', models.CharField(max_length=150, verbose_name='row')),
                ('revision', models.PositiveIntegerField(default=0)),
                ('kind', models.CharField(choices=[('deposit', 'deposit'), ('withdrawal', 'withdrawal'), ('manual_trade', 'manual trade'), ('missed_fill', 'missed fill'), ('doubled_fill', 'doubled fill'), ('extra_fill', 'extra fill'), ('order_changed', 'order changed'), ('reversal', 'reversal'), ('rounding', 'rounding'), ('dust', 'dust'), ('airdrop', 'airdrop'), ('correction', 'correction')], max_length=24)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('booked', 'Booked'), ('dismissed', 'Dismissed')], max_length=12)),
                ('moves', models.JSONField(default=list)),
                ('market', models.CharField(blank=True, max_length=32)),
                ('text', models.CharField(blank=True, max_length=300)),
                ('is_final', models.BooleanField(default=True)),
                ('at_ns', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('noted_at', models.DateTimeField()),
                ('booked_at', models.DateTimeField(blank=True, null=True)),
                ('by', models.CharField(max_length=150)),
                ('reason', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='ReconciliationPlace',
            fields=[
                ('exchange', models.CharField(choices=[('upbit', 'Upbit'), ('bithumb', 'Bithumb')], max_length=16, primary_key=True, serialize=False)),
                ('look_ns', models.BigIntegerField(default=0)),
                ('history_ns', models.BigIntegerField(default=0)),
                ('agreed_ns', models.BigIntegerField(default=0)),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='arb',
            name='discount_krw',
            field=arbitrage.fields.ExactDecimalField(default=Decimal('0')),
        ),
        migrations.AddField(
            model_name='arb',
            name='dust_krw',
            field=arbitrage.fields.ExactDecimalField(default=Decimal('0')),
        ),
        migrations.AddField(
            model_name='arb',
            name='edge_krw',
            field=arbitrage.fields.ExactDecimalField(default=Decimal('0')),
        ),
        migrations.AddField(
            model_name='arb',
            name='hedge_krw',
            field=arbitrage.fields.ExactDecimalField(default=Decimal('0')),
        ),
        migrations.AddField(
            model_name='arb',
            name='is_split',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='arb',
            name='leg_fees_krw',
            field=arbitrage.fields.ExactDecimalField(default=Decimal('0')),
        ),
        migrations.AddField(
            model_name='arb',
            name='slippage_krw',
            field=arbitrage.fields.ExactDecimalField(default=Decimal('0')),
        ),
        migrations.AddField(
            model_name='break',
            name='detail',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='break',
            name='exchange',
            field=models.CharField(choices=[('upbit', 'Upbit'), ('bithumb', 'Bithumb')], default='old', max_length=16),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='break',
            name='key',
            field=models.CharField(default='old', max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='break',
            name='last_seen_at',
            field=models.DateTimeField(default=timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='break',
            name='opened_at',
            field=models.DateTimeField(default=timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='break',
            name='ref',
            field=models.CharField(blank=True, max_length=300, verbose_name='row'),
        ),
        migrations.RunPython(tell_old_breaks_apart, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name='break',
            constraint=models.UniqueConstraint(condition=models.Q(('resolved_at', None)), fields=('exchange', 'key'), name='one_open_break_per_key'),
        ),
        migrations.AddIndex(
            model_name='adjustment',
            index=models.Index(fields=['exchange', 'state', 'is_final'], name='adjustment_open'),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.UniqueConstraint(fields=('exchange', 'ref', 'revision'), name='one_adjustment_per_revision'),
        ),
    ]
